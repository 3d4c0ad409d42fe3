import { afterAll, expect, test } from 'bun:test'
import { Certificates } from '../../support/certificates.ts'
import { listenOn, WS_EXECUTABLE, withTracker } from '../../support/tracker.ts'
import { hadMachine } from '../tester.ts'
import { runLoadTest } from './load-test.ts'
import { SmallTracker } from './small-tracker.ts'

const files = new Certificates()
files.make('ec', 'ec')
afterAll(() => files.remove())

const TLS = `use_tls = true\ntls_certificate_path = '${files.path('ec.pem')}'
  tls_private_key_path = '${files.path('ec-key.pem')}'\n`
const MIX = `[mix]\nannounces_per_second = 100\noffers_per_announce = 5\nanswers_per_second = 300
scrapes_per_second = 20\npeers_per_torrent = 20\n`
const CONNECTIONS = 'connections = 40\n'
const REQUESTS = '[requests]\ntorrents_per_connection = 5\n'

test.each([
  ['ws', false, 1],
  ['wss', true, 2],
])(
  'over %s, announces, offers, answers and scrapes come at the rates of the mix',
  async (_, tls, workers) => {
    const own = `${listenOn('127.0.0.1:0')}${tls ? TLS : ''}[pressure]\nenabled = false\n`
    await withTracker({ executable: WS_EXECUTABLE, settings: own }, async (tracker) => {
      const settings = `server_address = '${tracker.address()}'\nduration = 4\nsummarize_last = 2
workers = ${workers}\nmode = 'mix'\n[network]\nuse_tls = ${tls}\n${CONNECTIONS}${REQUESTS}session_description_size = 1200\n${MIX}`
      const { code, stdout, json } = await runLoadTest(settings, ['--pid', `${tracker.pid}`])
      expect(json.wrong_messages).toBe(0)
      expect(code).toBe(0)
      expect(stdout).toContain('the mix, per second')
      expect(stdout).toContain('CPU per response')
      const { mix, counts } = json.summary
      // With other programs on its cores no load tester can keep to a schedule.
      const [most, short] = hadMachine(json) ? [1.2, 0.01] : [2, 0.5]
      if (hadMachine(json)) expect(stdout).not.toContain('The mix fell short')
      const due = { announce: 100, offer: 500, answer: 300, scrape: 20 }
      for (const [kind, rate] of Object.entries(due)) {
        // Counted every 50 ms and summarised over two seconds, on a machine that may be busy.
        expect(mix[kind].due_per_second).toBeGreaterThan(rate / most)
        expect(mix[kind].due_per_second).toBeLessThan(rate * most)
      }
      expect(counts.due_offer).toBe(counts.due_announce * 5)
      expect(counts.sent_join).toBe(0)
      expect(mix.short_share).toBeLessThan(short)
      expect(mix.tracker_cpu_us_per_response).toBeGreaterThan(0)
    })
  },
  180_000,
)

test('what a tracker drops of the mix is told', async () => {
  // It passes on four of five offers.
  const drop = (out: { copies: number }) => {
    out.copies = 0
  }
  const tracker = new SmallTracker({ kind: 'offer', every: 5, change: drop })
  const settings = `${tracker.settings}duration = 3\nmode = 'mix'\n[network]\n${CONNECTIONS}${REQUESTS}${MIX}[checks]\nmax_missing = 1\n`
  const { code, stdout, json } = await runLoadTest(settings)
  await tracker.stop()
  expect(code).toBe(0)
  const told = hadMachine(json) ? '(19|20|21)' : '(19|[2-9]\\d)'
  expect(stdout).toMatch(new RegExp(`WARNING: The mix fell short: offers ${told}\\.\\d`))
  expect(stdout).toContain('leave them out with summarize_last')
  const { counts, mix } = json.summary
  expect(counts.sent_join).toBe(40 * 5)
  expect(mix.short_share).toBeGreaterThan(0.15)
  // Enough of them arrive for all answers.
  const share = hadMachine(json) ? 0.9 : 0.4
  expect(mix.answer.done_per_second).toBeGreaterThan(mix.answer.due_per_second * share)
}, 180_000)

test('a mix that cannot be is refused, with what to change', async () => {
  const { code, stderr } = await runLoadTest(`mode = 'mix'
[network]
connections = 20
[mix]
announces_per_second = 10
answers_per_second = 101
`)
  expect(code).toBe(1)
  expect(stderr).toContain('peers_per_torrent = 30 is more than [network] connections = 20')
  expect(stderr).toContain('announces_per_second × offers_per_announce = 100')
})
