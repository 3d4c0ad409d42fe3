// Scenarios that xdp.test.ts runs in a network namespace: the load tester past the kernel, on its own end of a cable to
// the tracker.
import { deepStrictEqual, match, ok } from 'node:assert/strict'
import { hostPort, withTracker } from '../../support/tracker.ts'
import { HERE, OWN_CARD, run, THERE } from '../../support/two-networks.ts'
import { metric, PORT, runScenario, type Scenario, settings } from '../../udp/xdp-lab.ts'
import { runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'

const ENOUGH = 20_000
/** All of it comes from one address. */
const UNLIMITED = `[source_limits]
connects_per_second = 0
requests_per_second = 0
sustained_requests_per_second = 0
new_torrents_per_second = 0
peers_per_torrent = 0
`

const asks = (host: string, network = '') => `server_address = '${hostPort(host, PORT)}'
duration = 0
[network]
packet_path = 'xdp'
${network}
${SMALL}`

/** Over both families and in both modes; the tracker takes them past the kernel too, or not. */
const loads: Scenario = async (networks) => {
  for (const [host, path, mode] of [
    [THERE.ipv4, 'xdp', 'native'],
    [THERE.ipv6, 'xdp', 'generic'],
    [THERE.ipv4, 'sockets', 'auto'],
  ]) {
    await withTracker(settings(networks, { path, more: UNLIMITED }), async () => {
      const isEnough = async () => (await metric('requests_total')) >= ENOUGH
      const { code, stderr, stdout, json } = await runUntil(
        runLoadTest,
        asks(host, `xdp_mode = '${mode}'`),
        isEnough,
      )
      match(stderr, /as fast as answers come, past the kernel/)
      ok(!stderr.includes('wrong'), stdout)
      deepStrictEqual(code, 0)
      ok(json.summary.responses_per_second.announce > 0)
      ok(json.summary.responses_per_second.scrape > 0)
      ok(!/\bxdp/.test(run(`ip link show dev ${OWN_CARD}`)), 'nothing stays attached')
    })
  }
}

const refuses: Scenario = async (networks) => {
  await withTracker(settings(networks, { path: 'sockets' }), async () => {
    const refusal = async (text: string) => {
      const { code, stderr } = await runLoadTest(text)
      deepStrictEqual(code, 1)
      return stderr
    }
    match(
      await refusal(`mode = 'flood'\nworkers = 2\n${asks(THERE.ipv4)}`),
      /set workers = 1[\s\S]*has no mode 'flood'/,
    )
    const link = networks.openLink()
    match(await refusal(asks(THERE.ipv4)), /another program is attached to card1 \(EBUSY\)/)
    link.close()
  })
  await withTracker({}, async (tracker) => {
    const { code, stderr } = await runLoadTest(
      `server_address = '${tracker.address()}'\n[network]\npacket_path = 'xdp'\n`,
    )
    match(stderr, /no network card leads to 127\.0\.0\.1:\d+: it is on this machine/)
    deepStrictEqual(code, 1)
  })
  // The address is there, and nothing else.
  ok(run(`ip addr show dev ${OWN_CARD}`).includes(HERE.ipv4))
}

await runScenario({ loads, refuses })
