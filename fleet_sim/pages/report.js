// Draws every figure into the element that waits for it, and keeps the time axes together.
const config = { responsive: true, displayModeBar: false };
const timePlots = [];

for (const source of document.querySelectorAll("script[type='application/json']")) {
  const plot = document.getElementById(source.dataset.plot);
  const figure = JSON.parse(source.textContent);
  Plotly.newPlot(plot, figure.data, figure.layout, config);
  if (plot.dataset.axis === "time") timePlots.push(plot);
}

let following = false;
for (const plot of timePlots) {
  plot.on("plotly_relayout", (change) => {
    const from = change["xaxis.range[0]"];
    if (following || from === undefined) return;
    following = true;
    const range = [from, change["xaxis.range[1]"]];
    const others = timePlots.filter((other) => other !== plot);
    Promise.all(others.map((other) => Plotly.relayout(other, { "xaxis.range": range })))
      .finally(() => { following = false; });
  });
}

// Paper is narrower than the window, and Plotly does not look again by itself.
const plots = document.querySelectorAll(".plot");
addEventListener("beforeprint", () => plots.forEach((plot) => Plotly.relayout(plot, { width: 680 })));
addEventListener("afterprint", () =>
  plots.forEach((plot) => Plotly.relayout(plot, { width: null, autosize: true })));
