// What the scenarios of a tracker past the kernel share: its settings, its metrics, and clients. Used by the files that
// xdp.test.ts runs in a network namespace.
import { deepStrictEqual, match, ok } from 'node:assert/strict'
import { hostPort, type StartOptions } from '../support/tracker.ts'
import { CARD, HERE, THERE, TwoNetworks } from '../support/two-networks.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

export const PORT = 3000
const BOTH = [THERE.ipv4, THERE.ipv6]

export type Scenario = (networks: TwoNetworks) => Promise<void>

/** Runs the one that the command line names; prints «good», or fails. */
export async function runScenario(scenarios: Record<string, Scenario>): Promise<never> {
  const name = process.argv[2]
  const networks = await TwoNetworks.open(name.startsWith('queues') ? 2 : 1)
  try {
    await scenarios[name](networks)
  } finally {
    networks.close()
  }
  console.log('good')
  process.exit(0)
}

export interface Options {
  readonly path?: string
  readonly mode?: string
  readonly address?: readonly string[]
  /** Lines for the start of the file, of [network], and for its end. */
  readonly first?: string
  readonly network?: string
  readonly more?: string
  readonly prefix?: readonly string[]
}

export function settings(networks: TwoNetworks, options: Options = {}): StartOptions {
  const { path = 'xdp', mode = 'auto', first = '', network = '', more = '' } = options
  const addresses = options.address ?? BOTH.map((host) => hostPort(host, PORT))
  return {
    prefix: [...networks.prefix, ...(options.prefix ?? [])],
    settings: `log_level = 'info'\n${first}
[network]
address = [${addresses.map((address) => `'${address}'`).join(', ')}]
packet_path = '${path}'
xdp_interfaces = '${CARD}'
xdp_mode = '${mode}'
${network}
[operations]
address = '${THERE.ipv4}:9000'
${more}`,
  }
}

/** A metric of the tracker; its sum over all labels that are not given. */
export async function metric(name: string): Promise<number> {
  const response = await fetch(`http://${THERE.ipv4}:9000/metrics`)
  const lines = (await response.text()).split('\n')
  const own = lines.filter((line) => line.startsWith(`tracker_udp_${name}`))
  ok(own.length > 0, `there is no metric ${name}`)
  return own.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** Counters come from the workers once in a while. */
export async function metricReaches(name: string, atLeast: number): Promise<void> {
  await waitUntil(`${name} is ${atLeast}`, async () => (await metric(name)) >= atLeast)
}

/** Two peers find each other, over both families. */
export async function meets(): Promise<void> {
  for (const [from, host] of [
    [HERE.ipv4, THERE.ipv4],
    [HERE.ipv6, THERE.ipv6],
  ]) {
    await withClient(from, async (client) => {
      const to = { host, port: PORT }
      await client.announce(to, { port: 1001 })
      const { peers } = await client.announce(to, { port: 1002 })
      deepStrictEqual(peers.length, 1)
      match(peers[0], /:1001$/)
    })
  }
}

export async function byXdp(count = 1): Promise<void> {
  const before = await metric('xdp_packets_total')
  await meets()
  await metricReaches('xdp_packets_total', before + count)
}
