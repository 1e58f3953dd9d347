//! Parts of charts that all plots share.

use plotters::chart::ChartContext;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;

/// A chart of numbers by numbers.
pub(crate) type Chart<'a, X, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>;

/// Draws a line with its points, and adds it to the legend.
pub(crate) fn line<X, Y>(
    chart: &mut Chart<'_, X, Y>,
    name: &str,
    color: RGBColor,
    points: impl IntoIterator<Item = (f64, f64)>,
) -> wasmtime::Result<()>
where
    X: Ranged<ValueType = f64> + 'static,
    Y: Ranged<ValueType = f64> + 'static,
{
    let style = color.stroke_width(2);
    chart
        .draw_series(LineSeries::new(points, style).point_size(3))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    Ok(())
}

/// Draws a dashed line, below which no client can be, and adds it to the legend.
pub(crate) fn bound<X, Y>(
    chart: &mut Chart<'_, X, Y>,
    name: &str,
    points: impl IntoIterator<Item = (f64, f64), IntoIter: Clone>,
) -> wasmtime::Result<()>
where
    X: Ranged<ValueType = f64> + 'static,
    Y: Ranged<ValueType = f64> + 'static,
{
    chart
        .draw_series(DashedLineSeries::new(points, 5, 4, BLACK.stroke_width(1)))?
        .label(name)
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK));
    Ok(())
}

/// Draws the legend.
pub(crate) fn legend<X, Y>(chart: &mut Chart<'_, X, Y>, position: SeriesLabelPosition) -> wasmtime::Result<()>
where
    X: Ranged<ValueType = f64> + 'static,
    Y: Ranged<ValueType = f64> + 'static,
{
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
