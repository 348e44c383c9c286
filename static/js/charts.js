// Charts: <div class="dm-chart" data-chart="ID" role="img" aria-label="…"> draws the option in <script type="application/json" id="ID">.
// A data item with "url" is a link to the rows behind the figure.

const style = window.getComputedStyle(document.documentElement);
const token = (name) => style.getPropertyValue(name).trim();

const font = { fontFamily: token("--dm-font") || "sans-serif", fontSize: 12, color: "#475650" };
const axis = {
  axisLine: { lineStyle: { color: "#b8c4bf" } },
  axisTick: { show: false },
  axisLabel: Object.assign({}, font),
  nameTextStyle: Object.assign({}, font),
  splitLine: { lineStyle: { color: "#e6ebe8" } },
};

const theme = {
  color: ["#17594c", "#8a5a12", "#27548a", "#a8352a", "#6a3f78", "#5c9c88"],
  backgroundColor: "transparent",
  animation: false,
  textStyle: font,
  categoryAxis: Object.assign({}, axis, { splitLine: { show: false } }),
  valueAxis: Object.assign({}, axis, { axisLine: { show: false } }),
  timeAxis: axis,
  grid: { left: 8, right: 12, top: 36, bottom: 4, containLabel: true },
  legend: { left: "auto", right: 0, top: 0, itemWidth: 12, itemHeight: 10, textStyle: font },
  tooltip: { confine: true, transitionDuration: 0, textStyle: { color: "#1c2925", fontSize: 12 } },
  bar: { barMaxWidth: 18, label: { color: "#5f6e68" } },
  line: { symbolSize: 7, lineStyle: { width: 2 }, label: { color: "#5f6e68" } },
};

// The second sign beside the colour: no two lines of one chart share both.
const DASHES = ["solid", [7, 4], [2, 4], [10, 3, 2, 3], "solid", [7, 4]];
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect"];

function withSecondSigns(option) {
  let lines = 0;
  (option.series || []).forEach((series) => {
    if (series.type === "line") {
      series.symbol = series.symbol || SYMBOLS[lines % SYMBOLS.length];
      series.lineStyle = Object.assign({ type: DASHES[lines % DASHES.length] }, series.lineStyle);
      lines += 1;
    }
  });
  return option;
}

// Pixels between the margins of A4: a chart drawn for a wide screen would run over the edge of the paper.
const PAPER_WIDTH = 660;

function draw(place) {
  const source = document.getElementById(place.dataset.chart);
  if (!source || !window.echarts) {
    return;
  }
  const option = withSecondSigns(JSON.parse(source.textContent));
  option.animation = false;
  option.aria = Object.assign({ enabled: true }, option.aria);
  const chart = window.echarts.init(place, "dm", { renderer: "svg" });
  chart.setOption(option);
  chart.on("click", (event) => {
    if (event.data && event.data.url) {
      window.location.assign(event.data.url);
    }
  });
  window.addEventListener("resize", () => chart.resize());
  window.addEventListener("beforeprint", () => {
    chart.resize({ width: Math.min(place.clientWidth, PAPER_WIDTH) });
    chart.getZr().flush();
  });
  window.addEventListener("afterprint", () => chart.resize({ width: "auto" }));
}

if (window.echarts) {
  window.echarts.registerTheme("dm", theme);
  document.querySelectorAll("[data-chart]").forEach(draw);
}
