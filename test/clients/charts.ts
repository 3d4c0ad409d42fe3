// What the charts of a page show in a browser, and a reader's mouse on them. Used by tests of pages.
import type { Page } from './chromium.ts'

/** Of each chart: the texts beside it, and the ends of what it shows. */
export interface ShownChart {
  readonly texts: readonly string[]
  /** Where the mouse is, in words. */
  readonly at: string
  readonly from: number
  readonly to: number
  /** How many of its pixels have the colour of its first line. */
  readonly drawn: number
  readonly width: number
}

const READ_CHARTS = `[...drawn.values()].map(({ chart, box }) => {
  const legend = box.previousElementSibling
  const canvas = box.querySelector('canvas')
  const { width, height } = canvas
  const copy = Object.assign(document.createElement('canvas'), { width, height })
  const pixels = copy.getContext('2d', { willReadFrequently: true })
  pixels.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--s1')
  pixels.fillRect(0, 0, 1, 1)
  const [r, g, b] = pixels.getImageData(0, 0, 1, 1).data
  pixels.clearRect(0, 0, 1, 1)
  pixels.drawImage(canvas, 0, 0)
  const { data } = pixels.getImageData(0, 0, width, height)
  let drawn = 0
  for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) drawn++
  return {
    texts: [...legend.querySelectorAll('b')].map((item) => item.textContent),
    at: legend.querySelector('.at').textContent,
    from: chart.scales.x.min, to: chart.scales.x.max, drawn, width: canvas.clientWidth,
  }
})`

export function chartsOf(page: Page): Promise<ShownChart[]> {
  return page.evaluate<ShownChart[]>(READ_CHARTS)
}

/** A place on a chart: its share of the width, in the middle of its height, scrolled into view. */
export async function placeOn(page: Page, chart: number, share: number): Promise<[number, number]> {
  return page.evaluate<[number, number]>(`(() => {
    const over = document.querySelectorAll('.u-over')[${chart}]
    over.scrollIntoView({ block: 'center', behavior: 'instant' })
    const { x, y, width, height } = over.getBoundingClientRect()
    return [x + width * ${share}, y + height / 2]
  })()`)
}

export async function doubleClick(page: Page, place: readonly [number, number]): Promise<void> {
  await page.mouse([place], true, 1)
  await page.mouse([place], true, 2)
}
