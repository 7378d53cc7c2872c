//! The frequencies of a transform's elements, and the lengths that are transformed fast.

/// The least length from `n` on without a prime factor above 11: transforms of such lengths are the
/// fastest. Arrays are padded with zeros to them. 1 for 0.
///
/// As `scipy.fft.next_fast_len`. Saturates at `usize::MAX` where there is no such length.
///
/// ```
/// use outcore_ops::next_fast_len;
///
/// assert_eq!(next_fast_len(1021), 1024);
/// assert_eq!(next_fast_len(1331), 1331); // 11 * 11 * 11
/// assert_eq!(next_fast_len(13), 14);
/// ```
pub fn next_fast_len(n: usize) -> usize {
    let mut best = n.checked_next_power_of_two().unwrap_or(usize::MAX);
    // All products of 3, 5, 7 and 11 below the best length so far, times the power of two that they need.
    for of_11 in powers(11, 1, best) {
        for of_7 in powers(7, of_11, best) {
            for of_5 in powers(5, of_7, best) {
                for of_3 in powers(3, of_5, best) {
                    let twos = n.div_ceil(of_3).checked_next_power_of_two();
                    let len = twos.and_then(|twos| twos.checked_mul(of_3));
                    best = len.map_or(best, |len| best.min(len));
                }
            }
        }
    }
    best
}

/// A number times the powers of another one, up to a limit.
fn powers(of: usize, from: usize, limit: usize) -> impl Iterator<Item = usize> {
    let powers = std::iter::successors(Some(from), move |power| power.checked_mul(of));
    powers.take_while(move |&power| power <= limit)
}

/// The frequency of each element of a transform of length `n`, of samples at distances `d`: in cycles
/// per unit of `d`. As `numpy.fft.fftfreq`: 0 and the positive ones, then the negative ones from the
/// least on.
///
/// ```
/// use outcore_ops::fftfreq;
///
/// assert_eq!(fftfreq(4, 1.0), [0.0, 0.25, -0.5, -0.25]);
/// assert_eq!(fftfreq(5, 0.1), [0.0, 2.0, 4.0, -4.0, -2.0]);
/// ```
#[expect(clippy::cast_precision_loss, reason = "lengths of axes are far below 2^53")]
pub fn fftfreq(n: usize, d: f64) -> Vec<f64> {
    let step = 1.0 / (n as f64 * d);
    let positive = n.div_ceil(2);
    let of = |k: usize| if k < positive { k as f64 } else { -((n - k) as f64) };
    (0..n).map(|k| of(k) * step).collect()
}

/// The frequency of each element of the transform of `n` real numbers, which is the first half of
/// [`fftfreq`]'s and the highest; as `numpy.fft.rfftfreq`.
///
/// ```
/// use outcore_ops::rfftfreq;
///
/// assert_eq!(rfftfreq(4, 1.0), [0.0, 0.25, 0.5]);
/// assert_eq!(rfftfreq(5, 0.1), [0.0, 2.0, 4.0]);
/// ```
#[expect(clippy::cast_precision_loss, reason = "lengths of axes are far below 2^53")]
pub fn rfftfreq(n: usize, d: f64) -> Vec<f64> {
    let step = 1.0 / (n as f64 * d);
    let count = if n == 0 { 0 } else { n / 2 + 1 };
    (0..count).map(|k| k as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fast(mut len: usize) -> bool {
        for prime in [2, 3, 5, 7, 11] {
            while len.is_multiple_of(prime) {
                len /= prime;
            }
        }
        len == 1
    }

    #[test]
    fn the_next_fast_length_is_the_first_without_a_large_prime_factor() {
        for n in 1..5000 {
            let first = (n..2 * n).chain([2 * n]).find(|&len| is_fast(len)).unwrap();
            assert_eq!(next_fast_len(n), first);
        }
        assert_eq!(next_fast_len(0), 1);
        assert_eq!(next_fast_len(1_000_000_007), 1_000_188_000);
        assert!(next_fast_len(usize::MAX - 1) >= usize::MAX - 1);
    }

    #[test]
    fn frequencies_are_those_of_the_definition() {
        assert_eq!(fftfreq(0, 1.0), []);
        assert_eq!(rfftfreq(0, 1.0), []);
        assert_eq!((fftfreq(1, 2.0), rfftfreq(1, 2.0)), (vec![0.0], vec![0.0]));
        for n in 1..50 {
            let (all, half) = (fftfreq(n, 1.0), rfftfreq(n, 1.0));
            assert_eq!((all.len(), half.len()), (n, n / 2 + 1));
            // The highest frequency of an even length is there with either sign.
            let is_last = |k: usize| 2 * k == n;
            let same =
                |k: usize| (all[k].abs() - half[k]).abs() < 1e-15 && (all[k] >= 0.0 || is_last(k));
            assert!((0..half.len()).all(same), "{n}");
        }
    }
}
