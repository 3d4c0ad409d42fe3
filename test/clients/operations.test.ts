import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { announceRequest } from '../support/packets.ts'
import {
  EXECUTABLE,
  listenOn,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce, newHash } from '../ws/messages.ts'
import { chartsOf, doubleClick, placeOn } from './charts.ts'
import { type Page, withChromium } from './chromium.ts'

setDefaultTimeout(300_000)

const INVALID = Buffer.from('0011223344556677', 'hex')
const SETTINGS = `${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n`

// In a network namespace of its own the loopback device may be down.
spawnSync('ip', ['link', 'set', 'lo', 'up'])

const PEERS = 50

interface Kind {
  readonly name: string
  readonly executable: string
  readonly prefix: string
  /** Why one packet, or message, is refused. */
  readonly reason: string
  /** Brings PEERS leechers of one torrent, and something to refuse; they stay while `use` runs. */
  fill<T>(tracker: Tracker, use: () => Promise<T>): Promise<T>
}

const UDP: Kind = {
  name: 'aquatic_udp',
  executable: EXECUTABLE,
  prefix: 'tracker_udp',
  reason: 'connection_id',
  fill: (tracker, use) =>
    withClient('127.0.0.1', async (client) => {
      for (let port = 1; port <= PEERS; port++) await client.announce(tracker.at(), { port })
      await client.isSilent(announceRequest(INVALID), tracker.at())
      return use()
    }),
}

const WS: Kind = {
  name: 'aquatic_ws',
  executable: WS_EXECUTABLE,
  prefix: 'tracker_ws',
  reason: 'json',
  fill: async (tracker, use) => {
    const hash = newHash()
    const clients: WsClient[] = []
    // A connection has few peers in a torrent.
    for (let peer = 1; peer <= PEERS; peer++) {
      const client = await WsClient.connect(tracker.at())
      clients.push(client)
      await client.ask(announce(hash, peer))
    }
    await clients[0].ask('nonsense')
    return use().finally(() => {
      for (const client of clients) client.destroy()
    })
  },
}

const KINDS = [UDP, WS].map((kind) => [kind.name, kind] as const)

/** A tracker of a kind that has something to show; `url`: of its page. */
function used(
  { executable, fill }: Kind,
  settings: string,
  use: (url: string, tracker: Tracker) => Promise<void>,
): Promise<void> {
  return withTracker({ executable, settings }, (tracker) =>
    fill(tracker, async () => use(await tracker.operationsUrl(), tracker)),
  )
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

test.each(KINDS)('promtool finds nothing wrong with the metrics of %s', (_, kind) =>
  used(kind, SETTINGS + SURVEY, async (url) => {
    await waitUntil('survey and census have been made', async () => {
      const metrics = await (await fetch(`${url}metrics`)).text()
      return metrics.includes('_torrents_by_peers{') && metrics.includes('_by_client{')
    })
    await expectGoodMetrics(url, `${kind.prefix}_requests_total`)
  }),
)

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

function expectTheSame({ prefix, reason }: Kind, shown: Shown, stats: Stats): void {
  const series = stats.charts.flatMap((chart) =>
    chart.series.map(({ title, value }) => [
      `${chart.title}/${title}`,
      value === null ? '' : String(value),
    ]),
  )
  expect(series.length).toBeGreaterThan(15)
  expect(shown.series).toEqual(Object.fromEntries(series))
  const rejected = stats.metrics[`${prefix}_rejected_total`].samples.filter(
    ({ value }) => value > 0,
  )
  expect(rejected).toHaveLength(1)
  expect(shown.breakdowns[`${prefix}_rejected_total/${reason}`]).toBe('1')
  expect(shown.series['Peers/leechers']).toBe(String(PEERS))
}

test.each(KINDS)(
  '%s: the page shows what /stats.json tells, and reports no error, at any size and in both schemes',
  (_, kind) =>
    used(kind, SETTINGS, async (url) => {
      await withChromium(async (page) => {
        await page.look(1400, 900, 'light')
        await page.goTo(url)
        const [shown, stats] = await bothOfOneTick(page, url)
        expectTheSame(kind, shown, stats)
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
        expect(await chartsOf(page)).toHaveLength(stats.charts.length)
        await waitUntil('most charts have their first line in its colour', async () => {
          return (await chartsOf(page)).filter(({ drawn }) => drawn > 20).length > 5
        })
        expect(page.errors).toEqual([])
      })
    }),
)

test('all charts of the page tell of one moment and are zoomed together, while new values come', () =>
  used(UDP, SETTINGS, async (url) => {
    await withChromium(async (page) => {
      await page.look(1400, 900, 'light')
      await page.goTo(url)
      const tickNow = async () => (await page.evaluate<Shown>(READ_PAGE)).tick
      await waitUntil('there are some values', async () => (await tickNow()) >= 3)
      await page.mouse([await placeOn(page, 0, 0.2), await placeOn(page, 0, 0.9)], false)
      const pointed = await chartsOf(page)
      expect(pointed[0].at).toMatch(/^\d\d:\d\d:\d\d$/)
      expect(new Set(pointed.map(({ at }) => at)).size).toBe(1)
      expect(pointed[0].texts.every((text) => text.endsWith('/s'))).toBe(true)

      await page.mouse([await placeOn(page, 0, 0.1), await placeOn(page, 0, 0.6)], true)
      const ends = async () => (await chartsOf(page)).map(({ from, to }) => `${from} ${to}`)
      const zoomed = await ends()
      expect(new Set(zoomed).size).toBe(1)
      const then = await tickNow()
      await waitUntil('the page has new values', async () => (await tickNow()) > then)
      expect(await ends()).toEqual(zoomed)

      await doubleClick(page, await placeOn(page, 1, 0.5))
      const [all] = await chartsOf(page)
      expect(all.from).toBeLessThan(Number(zoomed[0].split(' ')[0]))
      await waitUntil('it follows again', async () => (await chartsOf(page))[0].to > all.to)
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

test.each(KINDS)('%s: the page says so when the tracker is gone', (_, kind) =>
  used(kind, SETTINGS, async (url, tracker) => {
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
  }),
)
