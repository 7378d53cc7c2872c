//! Power spectra: transforms whose magnitudes are squared while they are written.

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Sink, Source, Stored};
use std::fmt;

use crate::adaptor::{MapSource, SinkExt, lazy};
use crate::control::Control;
use crate::fft::{Fft, FftPlan};
use crate::fourier::{Direction, ToComplex};
use crate::plan::{Plan, Report};
use crate::{Resources, Result};

/// The power spectrum of an array, along all axes: `abs(fftn(x))**2`.
///
/// Shapes: the sink has that of the source, frequency 0 comes first, and frequencies are those of
/// [`fftfreq`](crate::fftfreq). Elements: all numbers; the sink's are those of the parts of their transform
/// ([`ToComplex::Real`]). Of real numbers power at `-f` is that at `f`: it is there twice, as for NumPy's
/// `fftn`. Divided by the square of the number of elements, the sum of all is the mean square of the array
/// (Parseval).
///
/// Cost: that of [`fftn`](crate::fftn), through a scratch array of complex numbers of the source's shape where
/// there is more than one pass; the last one writes half as much.
///
/// Accuracy: twice the relative error of [`fftn`](crate::fftn). What is beyond the numbers of the type
/// becomes infinite: powers from 3e38 on, of single precision.
///
/// ```
/// use ndarray::Array2;
/// use outcore_ops::{Budget, Control, power_spectrum};
///
/// let field = Array2::<f32>::ones((4, 6));
/// let plan = power_spectrum(&field).plan::<f32>(Budget::new(1 << 20))?;
/// let (mut scratch, mut power) = (Array2::zeros((4, 6)), Array2::zeros((4, 6)));
/// plan.run(&field, &mut scratch, &mut power, Control::new())?;
/// assert_eq!((power[[0, 0]], power.sum()), (576.0, 576.0));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn power_spectrum<D: Dimension>(source: &impl Stored<D>) -> PowerSpectrum<'_, D> {
    PowerSpectrum { source }
}

/// A power spectrum to be planned; see [`power_spectrum`].
#[derive(Clone)]
pub struct PowerSpectrum<'a, D> {
    source: &'a dyn Stored<D>,
}

impl<D: Dimension> fmt::Debug for PowerSpectrum<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "power_spectrum of {:?}", self.source.layout())
    }
}

impl<D: Dimension> PowerSpectrum<'_, D> {
    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// As [`Fft::plan`](crate::Fft::plan).
    pub fn plan<A: ToComplex>(&self, resources: impl Into<Resources>) -> Result<PowerPlan<A, D>>
    where
        Complex<A::Real>: Element,
    {
        let source = MapSource::<_, A, _>::new(self.source, A::to_complex);
        let axes = (0..self.source.shape().ndim()).collect();
        let request = Fft::new("power_spectrum", &source, axes, Direction::Forward);
        Ok(PowerPlan { transform: request.real_part().plan(resources)? })
    }
}

/// A power spectrum that has been planned; runs on any number of arrays of its shape.
pub struct PowerPlan<A: ToComplex, D> {
    transform: FftPlan<A::Real, D>,
}

impl<A: ToComplex, D> fmt::Debug for PowerPlan<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.transform.fmt(f)
    }
}

impl<A: ToComplex, D> fmt::Display for PowerPlan<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.transform.fmt(f)
    }
}

impl<A: ToComplex, D: Dimension> PowerPlan<A, D>
where
    Complex<A::Real>: Element,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        self.transform.plan()
    }

    /// Writes the power spectrum of a source. The scratch array has the source's shape; where the plan has a
    /// single pass, it is not touched, and may have any.
    ///
    /// # Errors
    ///
    /// As [`FftPlan::run_through`](crate::FftPlan::run_through).
    pub fn run<R, V, S>(
        &self,
        source: &R,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<A, D>,
        V: Source<Complex<A::Real>, D> + Sink<Complex<A::Real>, D>,
        S: Sink<A::Real, D>,
        A::Real: Element,
    {
        let source = lazy(source).map(A::to_complex);
        let mut sink = sink.map_sink(|x: Complex<A::Real>| x.norm_sqr());
        self.transform.run_through(&source, scratch, &mut sink, control)
    }
}
