// Draws the charts of a page in the browser: sets uPlot up with the data that plot.ts wrote into the
// page. plot.ts puts this text behind the library's. A page whose content changes calls drawPlots()
// again: charts that are still there get their new data and stay as they were zoomed. Owns the charts.

/** @typedef {import('./data.ts').PlotData} PlotData */
/** @typedef {import('uplot')} Chart */
/** @typedef {{ chart: Chart, box: HTMLElement, data: PlotData, texts: (string | null)[] }} Drawn */

/** @type {Map<string, Drawn>} */
const drawn = new Map()
/** Charts of one kind are over the same time, and are zoomed together. */
/** @type {Set<string>} */
const zoomed = new Set()

const PREFIXES = ['n', 'µ', 'm', '', 'k', 'M', 'G', 'T']
const NO_PREFIX = 3
const DAY_SECONDS = 86_400

function drawPlots() {
  for (const box of document.querySelectorAll('.plot')) {
    if (!(box instanceof HTMLElement) || box.dataset.plot === undefined) continue
    const data = read(box.dataset.plot)
    const texts = textsBeside(box).map((element) => element.textContent)
    const old = drawn.get(data.title)
    if (old === undefined) {
      const chart = new uPlot(optionsOf(data, box), alignedOf(data), box)
      drawn.set(data.title, { chart, box, data, texts })
    } else {
      Object.assign(old, { box, data, texts })
      update(old)
    }
  }
}

/**
 * @param {string} text
 * @returns {PlotData}
 */
function read(text) {
  /** @type {PlotData} */
  const data = JSON.parse(text)
  const { step, at, lines } = data
  if (step === undefined) return data
  return { ...data, at: (lines[0] ?? []).map((_, i) => at[0] + i * step) }
}

/** @param {Drawn} plot */
function update({ chart, box, data }) {
  if (chart.root.parentElement !== box) box.append(chart.root)
  const { min = 0, max = 0 } = chart.scales.x
  const isZoomed = zoomed.has(data.kind)
  chart.setData(alignedOf(data), !isZoomed)
  if (isZoomed) chart.setScale('x', { min, max })
  tell(chart, data)
}

/**
 * The first line is the one that matters: it is drawn last, above the others.
 * @param {PlotData} data
 * @returns {import('uplot').AlignedData}
 */
function alignedOf({ at, lines }) {
  return [[...at], ...lines.map((values) => [...values]).toReversed()]
}

/**
 * @param {PlotData} data
 * @param {HTMLElement} box
 * @returns {import('uplot').Options}
 */
function optionsOf(data, box) {
  const { title, kind, unit, lines } = data
  const isSpread = kind === 'spread'
  const line = { width: 2 / devicePixelRatio, spanGaps: false }
  const stepped = uPlot.paths.stepped?.({ align: 1 })
  const bars = {
    fill: () => colour('--s1'),
    ...(stepped && { paths: stepped }),
    points: { show: false },
  }
  const series = lines.map((_, i) => {
    const stroke = () => colour(`--s${i + 1}`)
    return { ...line, stroke, points: { size: 5, fill: stroke }, ...(isSpread && bars) }
  })
  const axis = {
    stroke: () => colour('--soft'),
    grid: { stroke: () => colour('--edge'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    legend: { show: false },
    padding: [8, 24, 0, 0],
    cursor: {
      y: false,
      sync: { key: kind },
      bind: {
        dblclick: (_chart, _target, handler) => (event) => {
          zoomed.delete(kind)
          return handler(event)
        },
      },
    },
    scales: {
      x: {
        time: kind === 'clock' || kind === 'days',
        distr: isSpread ? 3 : 1,
        range: (_, min, max) => [min, max],
      },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
    },
    series: [{}, ...series.toReversed()],
    axes: [
      {
        ...axis,
        size: 28,
        gap: 8,
        space: 70,
        values: (_, at, __, ___, step) => at.map((x) => axisText(data, x, step)),
      },
      {
        ...axis,
        size: (_, values) => 16 + 7 * Math.max(0, ...(values ?? []).map(({ length }) => length)),
        gap: 8,
        values: (_, at) => at.map((y) => (unit === '' && y % 1 !== 0 ? '' : valueText(y, unit, 3))),
      },
    ],
    hooks: {
      setCursor: [(chart) => tell(chart, drawn.get(title)?.data ?? data)],
      setSelect: [
        (chart) => {
          if (chart.select.width > 0) zoomed.add(kind)
        },
      ],
      draw: [(chart) => drawMarks(chart, data)],
    },
  }
}

/**
 * Says beside the names what stands under the pointer.
 * @param {Chart} chart
 * @param {PlotData} data
 */
function tell(chart, data) {
  const plot = drawn.get(data.title)
  if (plot === undefined) return
  const { idx } = chart.cursor
  for (const [i, element] of textsBeside(plot.box).entries()) {
    const value = idx == null ? null : data.lines[i][idx]
    element.textContent = idx == null ? plot.texts[i] : valueText(value, data.unit, 4)
  }
  const at = legendOf(plot.box)?.querySelector('.at')
  if (at != null) at.textContent = idx == null ? '' : placeText(data, idx)
}

/** @param {HTMLElement} box */
function legendOf(box) {
  return box.previousElementSibling
}

/** @param {HTMLElement} box */
function textsBeside(box) {
  return [...(legendOf(box)?.querySelectorAll('b') ?? [])]
}

/**
 * @param {PlotData} data
 * @param {number} idx
 */
function placeText({ kind, at, measured = '' }, idx) {
  if (kind === 'clock') return clockText(at[idx])
  if (kind === 'days') return `${dayText(at[idx])}, ${clockText(at[idx]).slice(0, 5)}`
  if (kind === 'run') return `${at[idx].toFixed(1)} s`
  return `${valueText(at[idx], '', 3)}–${valueText(at[idx + 1] ?? at[idx], measured, 3)}`
}

/**
 * @param {PlotData} data
 * @param {number | null} x null where there is no room for a text
 * @param {number} step
 */
function axisText({ kind, measured = '' }, x, step) {
  if (x === null) return ''
  if (kind === 'clock') return clockText(x).slice(0, step < 60 ? 8 : 5)
  if (kind === 'days') return step < DAY_SECONDS ? clockText(x).slice(0, 5) : dayText(x)
  return valueText(x, kind === 'run' ? ' s' : measured, 3)
}

/** @param {number} seconds */
function clockText(seconds) {
  return new Date(seconds * 1000).toTimeString().slice(0, 8)
}

/** @param {number} seconds */
function dayText(seconds) {
  return new Date(seconds * 1000).toLocaleDateString('en', { month: 'short', day: 'numeric' })
}

/**
 * A value with its unit; those of seconds, bytes and counts get a prefix.
 * @param {number | null} value
 * @param {string} unit
 * @param {number} digits
 */
function valueText(value, unit, digits) {
  if (value === null) return '–'
  const power = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) / 3)
  const [least, most] =
    unit === 's' ? [-NO_PREFIX, 0] : /^(\/s|B|B\/s|)$/.test(unit) ? [0, 4] : [0, 0]
  const thousands = Math.min(most, Math.max(least, power))
  const figure = Number((value / 1000 ** thousands).toPrecision(digits))
  return `${figure} ${PREFIXES[NO_PREFIX + thousands]}${unit}`.replace('  ', ' ').trimEnd()
}

/**
 * Upright lines, each name in a row of its own so that none touches another.
 * @param {Chart} chart
 * @param {PlotData} data
 */
function drawMarks({ ctx, bbox, valToPos }, { marks = [] }) {
  const scale = devicePixelRatio
  ctx.save()
  ctx.font = `${12 * scale}px system-ui, sans-serif`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'alphabetic'
  ctx.lineWidth = 3 * scale
  for (const [i, [name, at]] of marks.entries()) {
    const x = valToPos(at, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.fillStyle = colour('--soft')
    ctx.fillRect(x, bbox.top, scale, bbox.height)
    const width = ctx.measureText(name).width + 4 * scale
    const left = x + width > bbox.left + bbox.width ? x - width : x + 4 * scale
    const bottom = bbox.top + (12 + 15 * i) * scale
    ctx.strokeStyle = colour('--card')
    ctx.strokeText(name, left, bottom)
    ctx.fillStyle = colour('--text')
    ctx.fillText(name, left, bottom)
  }
  ctx.restore()
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name)
}

addEventListener('resize', () => {
  for (const { chart, box } of drawn.values()) {
    chart.setSize({ width: box.clientWidth, height: box.clientHeight })
  }
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const { chart } of drawn.values()) chart.redraw()
})
drawPlots()
