import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { announceRequest } from '../support/packets.ts'
import { listenOn, type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { type Page, withChromium } from './chromium.ts'

setDefaultTimeout(120_000)

const INVALID = Buffer.from('0011223344556677', 'hex')
const SETTINGS = `${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n`

// In a network namespace of its own the loopback device may be down.
spawnSync('ip', ['link', 'set', 'lo', 'up'])

async function used(tracker: Tracker): Promise<string> {
  await withClient('127.0.0.1', async (client) => {
    for (let port = 1; port <= 50; port++) await client.announce(tracker.at(), { port })
    await client.isSilent(announceRequest(INVALID), tracker.at())
  })
  return tracker.operationsUrl()
}

async function expectGoodMetrics(url: string, name: string): Promise<void> {
  const text = await (await fetch(`${url}metrics`)).text()
  expect(text).toContain(name)
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text })
  expect(String(stdout) + String(stderr)).toBe('')
  expect(status).toBe(0)
}

const SURVEY =
  'show_info_hashes = true\n[statistics]\ntorrent_peer_histograms = true\npeer_clients = true\n'

test('promtool finds nothing wrong with the metrics of aquatic_udp', () =>
  withTracker({ settings: SETTINGS + SURVEY }, async (tracker) => {
    const url = await used(tracker)
    await waitUntil('survey and census have been made', async () => {
      const metrics = await (await fetch(`${url}metrics`)).text()
      return metrics.includes('_torrents_by_peers{') && metrics.includes('_by_client{')
    })
    await expectGoodMetrics(url, 'tracker_udp_requests_total')
  }))

test('promtool finds nothing wrong with the metrics of aquatic_ws', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS + SURVEY }, async (tracker) => {
    const url = await tracker.operationsUrl()
    await expectGoodMetrics(url, 'tracker_ws_requests_total')
  }))

interface Shown {
  readonly tick: number
  readonly series: Readonly<Record<string, string>>
  readonly breakdowns: Readonly<Record<string, string>>
}

const READ_PAGE = `(() => {
  const all = (name) => Object.fromEntries([...document.querySelectorAll('[data-' + name + ']')]
    .map((item) => [item.dataset[name], item.dataset.value]))
  const tick = Number(document.querySelector('header').dataset.tick)
  return { tick, series: all('series'), breakdowns: all('breakdown') }
})()`

interface Stats {
  readonly tick: number
  readonly charts: { title: string; series: { title: string; value: number | null }[] }[]
  readonly metrics: Record<string, { samples: { labels: Record<string, string>; value: number }[] }>
}

/** The page and /stats.json of the same tick, a late one in which something happened. */
async function bothOfOneTick(page: Page, url: string): Promise<[Shown, Stats]> {
  let both: [Shown, Stats] | undefined
  await waitUntil('page and stats.json are of the same tick', async () => {
    const shown = await page.evaluate<Shown>(READ_PAGE)
    const stats = (await (await fetch(`${url}stats.json`)).json()) as Stats
    if (shown.tick === stats.tick && shown.tick >= 2) both = [shown, stats]
    return both !== undefined
  })
  return both as [Shown, Stats]
}

function expectTheSame(shown: Shown, stats: Stats): void {
  const series = stats.charts.flatMap((chart) =>
    chart.series.map(({ title, value }) => [
      `${chart.title}/${title}`,
      value === null ? '' : String(value),
    ]),
  )
  expect(series.length).toBeGreaterThan(15)
  expect(shown.series).toEqual(Object.fromEntries(series))
  const rejected = stats.metrics.tracker_udp_rejected_total.samples.filter(({ value }) => value > 0)
  expect(rejected).toHaveLength(1)
  expect(shown.breakdowns['tracker_udp_rejected_total/connection_id']).toBe('1')
  expect(shown.series['Peers/leechers']).toBe('50')
}

test('the page shows what /stats.json tells, and reports no error, at any size and in both schemes', () =>
  withTracker({ settings: SETTINGS }, async (tracker) => {
    const url = await used(tracker)
    await withChromium(async (page) => {
      await page.look(1400, 900, 'light')
      await page.goTo(url)
      const [shown, stats] = await bothOfOneTick(page, url)
      expectTheSame(shown, stats)
      const backgrounds = new Set<string>()
      for (const [width, scheme] of [
        [1400, 'light'],
        [360, 'dark'],
      ] as const) {
        await page.look(width, 800, scheme)
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
          width,
        )
        const style = 'getComputedStyle(document.body)'
        backgrounds.add(await page.evaluate<string>(`${style}.backgroundColor`))
        const columns = await page.evaluate<string>(
          "getComputedStyle(document.querySelector('.grid')).gridTemplateColumns",
        )
        expect(columns.split(' ').length).toBe(width === 360 ? 1 : 3)
      }
      expect(backgrounds.size).toBe(2)
      const drawn = "document.querySelectorAll('svg path.line[d^=M]').length"
      expect(await page.evaluate<number>(drawn)).toBeGreaterThan(10)
      expect(page.errors).toEqual([])
    })
  }))

const CLIENTS = '[statistics]\npeer_clients = true\n'

test('the page shows clients with bars, at any size and in both schemes', () =>
  withTracker({ settings: SETTINGS + CLIENTS }, async (tracker) => {
    const [, url] = await tracker.waitForOutput(/operations at (\S+)\n/)
    await withClient('127.0.0.1', async (client) => {
      const starts = ['-qB4650-', '-qB5010-', '-qB4650-', '-TR4050-', '<b>&"\0\0\0']
      for (const [i, start] of starts.entries()) {
        const peerId = Buffer.from(start.padEnd(20, 'x'))
        await client.announce(tracker.at(), { port: i + 1, peerId })
      }
    })
    await withChromium(async (page) => {
      const colours = new Set<string>()
      for (const [width, scheme] of [
        [1400, 'light'],
        [360, 'dark'],
      ] as const) {
        await page.look(width, 900, scheme)
        await page.goTo(url)
        await waitUntil('the clients are on the page', async () => {
          const { breakdowns } = await page.evaluate<Shown>(READ_PAGE)
          return breakdowns['tracker_udp_peers_by_client/qBittorrent'] === '3'
        })
        const rows = await page.evaluate<string[]>(CLIENT_ROWS)
        expect(rows).toEqual([
          'qBittorrent|4.6 (67 %) · 5.0 (33 %)|3|60.0 %|60',
          'Transmission|4.0|1|20.0 %|20',
          'unknown||1|20.0 %|20',
        ])
        const bar = "getComputedStyle(document.querySelector('.share .part')).fill"
        colours.add(await page.evaluate<string>(bar))
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
        expect(wide).toBeLessThanOrEqual(width)
      }
      expect(colours.size).toBe(2)
      expect(page.errors).toEqual([])
    })
  }))

/** Per client: name, versions, peers, share, and how much of its bar's width the part has. */
const CLIENT_ROWS = `[...document.querySelectorAll('tr:has(.share)')].map((row) => {
  const [part, whole] = ['.part', '.whole'].map((name) => row.querySelector(name).getBoundingClientRect().width)
  const name = row.cells[0].firstChild.textContent
  const versions = row.querySelector('small')?.textContent ?? ''
  const share = row.cells[2].firstChild.textContent
  return [name, versions, row.cells[1].textContent, share, Math.round(part / whole * 100)].join('|')
})`

test('the page says so when the tracker is gone', () =>
  withTracker({ settings: SETTINGS }, async (tracker) => {
    const url = await used(tracker)
    await withChromium(async (page) => {
      await page.goTo(url)
      const notice = "getComputedStyle(document.getElementById('lost')).display"
      expect(await page.evaluate<string>(notice)).toBe('none')
      tracker.signal('SIGTERM')
      await tracker.waitForEnd()
      await waitUntil('the page has noticed', async () => {
        return (await page.evaluate<string>(notice)) === 'block'
      })
    })
  }))
