// Draws the graph of the metrics page with uPlot; without script its table says the same.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("graph");
  const source = document.getElementById("graph-data");
  if (!place || !source || typeof uPlot === "undefined") return;
  const { times, series } = JSON.parse(source.textContent);
  const HEIGHT = 300;
  const SMALLEST_BRUSH_PX = 8;
  const cells = document.querySelectorAll("[data-at]");
  let chart = null;

  // Custom properties hold light-dark(), which a canvas does not know: ask for what they come to.
  function colour(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function short(value) {
    for (const [limit, unit] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e4, " k"]]) {
      if (Math.abs(value) >= limit) return `${Number((value / limit).toPrecision(4))}${unit}`;
    }
    return String(Number(value.toPrecision(4)));
  }

  function axis(size, values) {
    return {
      stroke: colour("--text-3"),
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
      grid: { stroke: colour("--grid"), width: 1 },
      ticks: { show: false },
      size,
      ...(values ? { values } : {}),
    };
  }

  // The value under the pointer stands beside each series' name.
  function point(plot) {
    const at = plot.cursor.idx;
    for (const cell of cells) {
      const value = at === null || at === undefined ? null : series[cell.dataset.at].values[at];
      cell.textContent = value === null || value === undefined ? "–" : short(value);
    }
  }

  // A brush over the graph is a range: the address says so.
  function brush(plot) {
    if (plot.select.width < SMALLEST_BRUSH_PX) return;
    const time = (x) => new Date(plot.posToVal(x, "x") * 1000).toISOString().slice(0, 19) + "Z";
    const href = place.dataset.href
      .replace("BEGIN", encodeURIComponent(time(plot.select.left)))
      .replace("END", encodeURIComponent(time(plot.select.left + plot.select.width)));
    location.assign(href);
  }

  // Times are in the console's zone, as everywhere else, as exact as the marks are apart: no two
  // marks say the same. Where a day begins among hours, it is named.
  const zoned = (options) =>
    new Intl.DateTimeFormat("en-GB", { timeZone: place.dataset.zone, ...options });
  const days = zoned({ day: "numeric", month: "short" });
  const minutes = zoned({ hour: "2-digit", minute: "2-digit" });
  const seconds = zoned({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  function clocks(_, marks, __, ___, apart) {
    let day = times.length ? days.format(times[0] * 1000) : "";
    return marks.map((mark) => {
      const today = days.format(mark * 1000);
      const begins = today !== day;
      day = today;
      if (apart >= 86400) return today;
      const clock = (apart < 60 ? seconds : minutes).format(mark * 1000);
      return begins ? `${today}\n${clock}` : clock;
    });
  }

  function draw() {
    if (chart) chart.destroy();
    place.hidden = false;
    chart = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { points: { size: 5 }, drag: { x: true, y: false, setScale: false } },
        axes: [{ ...axis(36, clocks), space: 72 }, axis(52, (_, marks) => marks.map((mark) => short(mark)))],
        scales: { y: { range: (_, least, most) => range(least, most) } },
        series: [
          {},
          ...series.map((one) => ({
            label: one.name,
            stroke: colour(`--series-${one.colour}`),
            dash: one.dash.length ? one.dash : undefined,
            width: 1.5,
            spanGaps: true,
            points: { show: times.length < 3 },
          })),
        ],
        hooks: { setCursor: [point], setSelect: [brush] },
      },
      [times, ...series.map((one) => one.values)],
      place,
    );
  }

  // Values begin at zero unless some lie below it; a flat line does not fill the graph.
  function range(least, most) {
    const low = Math.min(least ?? 0, 0);
    const high = Math.max(most ?? 0, 0);
    return high === low ? [low, low + 1] : [low === 0 ? 0 : low * 1.05, high * 1.05];
  }

  for (const cell of cells) cell.hidden = false;
  for (const head of document.querySelectorAll("[data-at-head]")) head.hidden = false;
  for (const cell of cells) cell.textContent = "–";
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    if (chart && chart.width !== place.clientWidth) {
      chart.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }).observe(place);
});
