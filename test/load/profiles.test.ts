import { describe, expect, test } from 'bun:test'
import { loadSettings as httpLoadSettings } from '../../load/http/config.ts'
import { createPopulation, torrentAt } from '../../load/population.ts'
import { loadSettings as udpLoadSettings } from '../../load/udp/config.ts'
import { loadSettings as wsLoadSettings } from '../../load/ws/config.ts'
import { loadSettings } from '../../src/config/load.ts'
import { entriesOf, type Settings } from '../../src/config/schema.ts'
import { UNDER_LOAD } from '../support/metrics.ts'
import {
  HTTP_EXECUTABLE,
  listenOn,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { loadTester } from './tester.ts'

const ALL: readonly (readonly [string, Settings])[] = [
  ['udp', udpLoadSettings as unknown as Settings],
  ['http', httpLoadSettings as unknown as Settings],
  ['ws', wsLoadSettings as unknown as Settings],
]
const NAMES = ['public', 'reconnecting', 'listed'] as const
const CASES = ALL.flatMap(([name, settings]) =>
  NAMES.map((profile) => [name, profile, settings] as const),
)

describe('profiles', () => {
  test.each(CASES)('%s has %j: settings with allowed values', (_, profile, settings) => {
    const values = settings.profiles?.[profile] ?? {}
    expect(Object.keys(values).length).toBeGreaterThan(5)
    const entries = new Map(entriesOf(settings.schema).map((entry) => [entry.path, entry]))
    for (const [path, value] of Object.entries(values)) {
      const setting = entries.get(path)?.setting
      const written = setting?.fromText(String(value)) ?? { fault: 'no such setting', remedy: '' }
      expect(written, path).toEqual({ value: expect.anything() })
      if ('value' in written) expect(setting?.check(written.value), path).toEqual({ value })
    }
    const environment = { AQUATIC_PROFILE: profile }
    const loaded = loadSettings(settings, null, environment)
    expect(loaded.problems).toEqual([])
    expect(loaded.warnings).toEqual([])
    for (const path of Object.keys(values)) {
      expect(loaded.origins.get(path)).toBe(`profile '${profile}'`)
    }
  })

  test('what is set overrides the profile, and a default that is set is warned of', () => {
    const environment = {
      AQUATIC_PROFILE: 'public',
      AQUATIC_REQUESTS_WEIGHT_CONNECT: '7',
      AQUATIC_REQUESTS_WEIGHT_ANNOUNCE: '50',
    }
    const { config, warnings, origins } = loadSettings(udpLoadSettings, null, environment)
    expect(config.requests.weight_connect).toBe(7)
    expect(config.requests.weight_announce).toBe(50)
    expect(config.requests.weight_scrape).toBe(2)
    expect(origins.get('requests.weight_connect')).toBe('AQUATIC_REQUESTS_WEIGHT_CONNECT')
    expect(warnings).toEqual([
      "profile = 'public' does not change [requests] weight_announce, because you give the default. " +
        "To have the profile's value, delete the line.",
    ])
  })

  test.each([
    ['public', 1.3],
    ['reconnecting', 2.5],
  ] as const)('swarms of %j have %p peers on average', (profile, wanted) => {
    const { requests } = loadSettings(udpLoadSettings, null, { AQUATIC_PROFILE: profile }).config
    const { torrentWords } = createPopulation({
      torrents: requests.number_of_torrents,
      peers: requests.number_of_peers,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed: 3,
      sockets: 1,
    })
    const words = new Int32Array(torrentWords)
    let torrents = 0
    for (let i = 0; i < requests.number_of_torrents; i++)
      if (words[torrentAt(i) + 1] > 0) torrents++
    expect(Math.abs(requests.number_of_peers / torrents - wanted)).toBeLessThan(0.1)
  })
})

/** As many peers as a short run announces; their ratio stays. */
const FEW = '[requests]\nnumber_of_torrents = 8000\nnumber_of_peers = 2600\n'

describe('a run with a profile', () => {
  test.each([
    ['public', 0.2, 0.78, 0.02],
    ['reconnecting', 0.606, 0.384, 0.0101],
  ] as const)(
    'over UDP, %j: the mix is as stated, and the tracker counts the invalid ids',
    async (profile, connect, announce, scrape) => {
      const own = `${listenOn('127.0.0.1:0')}${UNDER_LOAD}`
      await withTracker({ settings: own }, async (tracker) => {
        const run = loadTester('aquatic_udp_load_test')
        const settings = `server_address = '${tracker.address()}'\nprofile = '${profile}'\nduration = 2\n${FEW}`
        const { code, stdout, stderr, json } = await run(settings)
        expect(stderr).not.toContain('wrong')
        expect(json.wrong_answers).toBe(0)
        expect(code).toBe(0)
        expect(stdout).toContain(`asked for, profile '${profile}'`)
        const { shares, seeder_share, peers } = json.asked_for
        expect(Math.abs(shares.connect - connect)).toBeLessThan(0.02)
        expect(Math.abs(shares.announce - announce)).toBeLessThan(0.02)
        expect(Math.abs(shares.scrape - scrape)).toBeLessThan(0.005)
        expect(Math.abs(shares.invalid_id - 0.2)).toBeLessThan(0.002)
        expect(peers).toBe(2600)
        expect(Math.abs(seeder_share - 0.35)).toBeLessThan(0.03)
        const { sent_invalid, answered_invalid, lost } = json.summary.counts
        expect(answered_invalid).toBe(0)
        const counted = await metric(
          tracker,
          'tracker_udp_rejected_total{reason="connection_id",ip_version="4"}',
        )
        // On a busy machine a batch may find the tracker's buffer full.
        const dropped = await metric(tracker, 'tracker_udp_receive_drops_total')
        expect(counted).toBeLessThanOrEqual(sent_invalid)
        expect(counted).toBeGreaterThan(sent_invalid * 0.9 - lost - dropped)
      })
    },
    180_000,
  )

  test('over HTTP: a connection each, and the mix as stated', async () => {
    const own = { executable: HTTP_EXECUTABLE, settings: listenOn('127.0.0.1:0') + UNDER_LOAD }
    await withTracker(own, async (tracker) => {
      const run = loadTester('aquatic_http_load_test')
      const settings = `server_address = '${tracker.address()}'\nprofile = 'public'\nduration = 2\n${FEW}`
      const { code, json } = await run(settings)
      expect(json.wrong_answers).toBe(0)
      expect(code).toBe(0)
      const { shares, seeder_share, profile } = json.asked_for
      expect(profile).toBe('public')
      expect(Math.abs(shares.scrape - 0.02)).toBeLessThan(0.01)
      expect(Math.abs(seeder_share - 0.35)).toBeLessThan(0.05)
      const { counts } = json.summary
      expect(counts.sent_on_kept).toBe(0)
      expect(counts.connections_opened).toBeGreaterThanOrEqual(counts.answered_announce)
    })
  }, 180_000)

  test('over WebTorrent: clients in few torrents, with long descriptions', async () => {
    const own = { executable: WS_EXECUTABLE, settings: listenOn('127.0.0.1:0') + UNDER_LOAD }
    await withTracker(own, async (tracker) => {
      const run = loadTester('aquatic_ws_load_test')
      const settings = `server_address = '${tracker.address()}'\nprofile = 'reconnecting'\nduration = 3
[network]\nconnections = 100\n[requests]\nnumber_of_torrents = 180\n`
      const { code, json } = await run(settings)
      expect(json.wrong_messages).toBe(0)
      expect(code).toBe(0)
      const { shares, torrents, peers } = json.asked_for
      expect(Math.abs(shares.scrape - 0.02)).toBeLessThan(0.01)
      expect(peers / torrents).toBeGreaterThan(1.3)
      expect(peers / torrents).toBeLessThan(4)
    })
  }, 180_000)

  test('at a step of four, the rate is four times what it was', async () => {
    await withTracker({ settings: listenOn('127.0.0.1:0') + UNDER_LOAD }, async (tracker) => {
      const run = loadTester('aquatic_udp_load_test')
      const settings = `server_address = '${tracker.address()}'\nprofile = 'listed'\nduration = 4\n${FEW}
[open_loop]\nrate = 500\nstep_after = 2\n`
      const { code, json } = await run(settings)
      expect(json.wrong_answers).toBe(0)
      expect(code).toBe(0)
      const { counts, seconds } = json.summary
      const sent = counts.sent_connect + counts.sent_announce + counts.sent_scrape
      // Two seconds at 500 per second, then 2,000; a busy machine may be late at the end, and end late.
      const due = 500 * 2 + 2000 * (seconds - 2)
      expect(sent).toBeGreaterThan(due * 0.8)
      expect(sent).toBeLessThan(due * 1.02)
    })
  }, 180_000)
})

async function metric(tracker: Tracker, name: string): Promise<number> {
  const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(name))
  return Number(line?.slice(line.lastIndexOf(' ') + 1))
}
