//! A rectangle of pixels that text and rectangles are drawn on.

use embedded_graphics::Pixel;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Point, Size};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use std::convert::Infallible;
use std::io;

/// Pixels in memory, white at first.
pub(super) struct Canvas {
    pub(super) size: Size,
    /// Red, green and blue of each pixel, row by row.
    pub(super) bytes: Vec<u8>,
}

/// How a text looks and where its anchor lies in it.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) font: &'static MonoFont<'static>,
    pub(super) colour: Rgb888,
    pub(super) alignment: Alignment,
    pub(super) baseline: Baseline,
}

impl Canvas {
    pub(super) fn new(size: Size) -> Self {
        Self { size, bytes: vec![255; 3 * size.width as usize * size.height as usize] }
    }

    pub(super) fn set(&mut self, at: Point, colour: [u8; 3]) {
        let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) else { return };
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        if x < width && y < height {
            self.bytes[3 * (y * width + x)..][..3].copy_from_slice(&colour);
        }
    }

    pub(super) fn fill(&mut self, area: Rectangle, colour: Rgb888) {
        let Ok(()) = self.fill_solid(&area, colour);
    }

    /// The outline just outside an area.
    pub(super) fn frame(&mut self, area: Rectangle, colour: Rgb888) {
        let (left, top) = (area.top_left.x - 1, area.top_left.y - 1);
        let (width, height) = (area.size.width + 2, area.size.height + 2);
        let (right, bottom) = (left + width as i32 - 1, top + height as i32 - 1);
        for y in [top, bottom] {
            self.fill(Rectangle::new(Point::new(left, y), Size::new(width, 1)), colour);
        }
        for x in [left, right] {
            self.fill(Rectangle::new(Point::new(x, top), Size::new(1, height)), colour);
        }
    }

    pub(super) fn text(&mut self, text: &str, at: Point, style: Style) {
        let Ok(_) = style.text(text, at).draw(self);
    }

    /// Text that reads upwards.
    pub(super) fn text_upwards(&mut self, text: &str, at: Point, style: Style) {
        let Ok(_) = style.text(text, Point::zero()).draw(&mut Upwards { canvas: self, at });
    }

    pub(super) fn to_png(&self) -> io::Result<Vec<u8>> {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, self.size.width, self.size.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.bytes)?;
        writer.finish()?;
        Ok(png)
    }
}

impl Style {
    /// The width of a text in pixels.
    pub(super) fn width(self, text: &str) -> u32 {
        let advance = self.font.character_size.width + self.font.character_spacing;
        u32::try_from(text.chars().count()).map_or(u32::MAX, |count| count.saturating_mul(advance))
    }

    /// The height of a text in pixels.
    pub(super) fn height(self) -> u32 {
        self.font.character_size.height
    }

    fn text(self, text: &str, at: Point) -> Text<'_, MonoTextStyle<'static, Rgb888>> {
        let style = TextStyleBuilder::new().alignment(self.alignment).baseline(self.baseline);
        Text::with_text_style(text, at, MonoTextStyle::new(self.font, self.colour), style.build())
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(at, colour) in pixels {
            self.set(at, [colour.r(), colour.g(), colour.b()]);
        }
        Ok(())
    }
}

/// A canvas turned to the left around a point.
struct Upwards<'a> {
    canvas: &'a mut Canvas,
    at: Point,
}

impl OriginDimensions for Upwards<'_> {
    fn size(&self) -> Size {
        Size::new(self.canvas.size.height, self.canvas.size.width)
    }
}

impl DrawTarget for Upwards<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        let at = self.at;
        let turned = |Pixel(point, colour)| Pixel(at + Point::new(point.y, -point.x), colour);
        self.canvas.draw_iter(pixels.into_iter().map(turned))
    }
}
