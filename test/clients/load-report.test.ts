import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Distribution, recordMs } from '../../load/histogram.ts'
import { htmlReport } from '../../load/report-html.ts'
import { chartOver, latencyChart } from '../../load/report-parts.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { chartsOf, doubleClick, placeOn } from './charts.ts'
import { type Page, withChromium } from './chromium.ts'

setDefaultTimeout(300_000)

const SECONDS = 100

/** A report of a run whose rate grows by 1,000 a second, and of latencies from 1 to 100 ms. */
function report(): string {
  const { counts } = Distribution.empty()
  for (let i = 1; i <= SECONDS; i++) recordMs(counts, 0, i)
  const periods = Array.from({ length: SECONDS }, (_, i) => ({ seconds: 1, rate: (i + 1) * 1000 }))
  const rates = { rate: ({ rate }: { rate: number }) => rate, none: () => Number.NaN }
  return htmlReport({
    title: 'a <b>',
    subtitle: 's',
    alarm: '',
    charts: [
      chartOver('Rate </div><script>alert(1)</script>', periods, '/s', rates),
      latencyChart('Latency', new Distribution(counts)),
      latencyChart('Nothing', Distribution.empty()),
    ],
    sections: [],
    settings: '',
    machine: [],
  })
}

async function withReport(use: (page: Page) => Promise<void>): Promise<void> {
  const folder = newFolder()
  const file = join(folder, 'report.html')
  writeFileSync(file, report())
  try {
    await withChromium(async (page) => {
      await page.look(1440, 900, 'light')
      await page.goTo(`file://${file}`)
      await use(page)
      expect(page.errors).toEqual([])
    })
  } finally {
    removeFolder(folder)
  }
}

test('a report draws its charts from one file, at any size and in both schemes', () =>
  withReport(async (page) => {
    const backgrounds = new Set<string>()
    for (const [width, scheme] of [
      [1440, 'light'],
      [360, 'dark'],
      [360, 'light'],
      [1440, 'dark'],
    ] as const) {
      await page.look(width, 900, scheme)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      backgrounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
      // A change of size or scheme reaches the page with its next frame.
      await waitUntil('lines and bars have their colour', async () => {
        const [{ drawn: rate }, { drawn: latency }] = await chartsOf(page)
        return rate > 200 && latency > 2000
      })
      const [rate, , nothing] = await chartsOf(page)
      expect(nothing.drawn).toBe(0)
      expect(rate.width).toBeGreaterThan(width === 360 ? 300 : 700)
      expect(rate.width).toBeLessThanOrEqual(width)
    }
    expect(backgrounds.size).toBe(2)
  }))

test('pointing at a chart tells its values, dragging zooms, a double click shows all again', () =>
  withReport(async (page) => {
    const shown = async (chart: number) => (await chartsOf(page))[chart]
    expect(await shown(0)).toMatchObject({ from: 1, to: SECONDS, texts: ['', ''], at: '' })
    const second = (share: number) => Math.round(1 + share * (SECONDS - 1))
    await page.mouse([await placeOn(page, 0, 0.2), await placeOn(page, 0, 0.5)], false)
    const { texts, at } = await shown(0)
    expect(at).toMatch(/^(50|51)\.0 s$/)
    expect(texts).toEqual([`${Number.parseInt(at, 10)} k/s`, '–'])
    await page.mouse([await placeOn(page, 0, 0.4), await placeOn(page, 0, 0.6)], true)
    const zoomed = await shown(0)
    expect(Math.abs(zoomed.from - second(0.4))).toBeLessThan(1)
    expect(Math.abs(zoomed.to - second(0.6))).toBeLessThan(1)
    await doubleClick(page, await placeOn(page, 0, 0.5))
    expect(await shown(0)).toMatchObject({ from: 1, to: SECONDS })
    await page.mouse([await placeOn(page, 1, 0.1), await placeOn(page, 1, 0.99)], false)
    const latency = await shown(1)
    expect(latency.at).toMatch(/^[\d.]+–[\d.]+ ms$/)
    expect(latency.texts[0]).toMatch(/^[\d.]+ %$/)
    await page.mouse([[1, 1]], false)
    expect(await shown(1)).toMatchObject({ texts: [''], at: '' })
  }))
