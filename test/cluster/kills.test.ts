// Nodes and NATS servers killed and stopped at random, in a cluster of three nodes at two servers, while clients come and go.
// Afterwards all nodes know the same, and meanwhile those that run answer everything. AQUATIC_TEST_CLUSTER_MINUTES makes it
// minutes, TEST_SEED another order of events.
import { describe, setDefaultTimeout, test } from 'bun:test'
import { NatsServer, WHY_NO_NATS } from '../support/nats-server.ts'
import { Fleet, type NodeOptions } from './fleet.ts'

const MINUTES = Number(process.env.AQUATIC_TEST_CLUSTER_MINUTES ?? 0)
const NAMES = ['a', 'b', 'c']

setDefaultTimeout(500_000 + MINUTES * 120_000)

class Cluster {
  readonly fleet: Fleet
  readonly servers: readonly NatsServer[]
  private readonly settings: readonly string[]

  /** Two servers with a route; each node knows both. */
  static async with(use: (cluster: Cluster) => Promise<void>): Promise<void> {
    const first = await NatsServer.start(clusterSettings('127.0.0.1:-1'))
    const route = await first.routeAddress()
    const settings = [clusterSettings(route), clusterSettings('127.0.0.1:-1', route)]
    const second = await NatsServer.start(settings[1])
    try {
      await first.waitForLog(/Route connection created/)
      await Fleet.with((fleet) => use(new Cluster(fleet, [first, second], settings)))
    } finally {
      for (const server of [first, second]) await server.stop()
    }
  }

  private constructor(fleet: Fleet, servers: readonly NatsServer[], settings: readonly string[]) {
    this.fleet = fleet
    this.servers = servers
    this.settings = settings
  }

  async start(): Promise<void> {
    await this.fleet.startAll(NAMES, { servers: '' }, (name) => this.optionsOf(name))
    await this.fleet.churn(NAMES, 60)
    await this.fleet.equal(NAMES, 'announces')
  }

  /** Two faults in a row, each of a node and of servers. */
  async round(): Promise<void> {
    const [first, second] = [this.anyNode(), this.anyNode()]
    await this.fault(first, second)
    await this.fault(second, '')
    await this.fleet.repaired(NAMES, 'kills and stops')
  }

  /**
   * Ends in either order. `next`: the node that is hit next. None of its clients leaves, because nobody else might know of
   * that yet, and then it is lost with the node.
   */
  private async fault(victim: string, next: string): Promise<void> {
    const { fleet } = this
    const others = NAMES.filter((name) => name !== victim)
    await fleet.meanwhile(others, async () => {
      const ends = [await this.nodeFault(victim, others)]
      await fleet.churn(others, 20, next)
      ends.push(await this.serverFault())
      await fleet.churn(others, 40, next)
      if (fleet.pick(2) === 0) ends.reverse()
      for (const end of ends) {
        await end()
        await fleet.churn(others, 20, next)
      }
    })
  }

  private anyNode(): string {
    return NAMES[this.fleet.pick(NAMES.length)]
  }

  private async nodeFault(name: string, others: readonly string[]): Promise<() => Promise<void>> {
    const { fleet } = this
    const node = fleet.of(name)
    const isKilled = fleet.pick(3) > 0
    if (isKilled) node.signal('SIGKILL')
    else await node.pause()
    await fleet.moveClients(name, others)
    return async () => {
      if (isKilled) await fleet.start(name, this.optionsOf(name))
      else node.signal('SIGCONT')
    }
  }

  private async serverFault(): Promise<() => Promise<void>> {
    const { fleet, servers } = this
    const at = fleet.pick(servers.length)
    const isKilled = fleet.pick(3) > 0
    const hit = servers.filter((_, index) => index === at || (isKilled && fleet.pick(2) === 0))
    for (const server of hit) {
      if (isKilled) await server.kill()
      else server.signal('SIGSTOP')
    }
    return async () => {
      for (const server of hit) {
        if (isKilled) await server.run(this.settings[servers.indexOf(server)])
        else server.signal('SIGCONT')
      }
    }
  }

  /** `c` prefers the second server, and `b` shares the work out among request workers. */
  private optionsOf(name: string): NodeOptions {
    const servers = this.servers.map(({ address }) => address)
    if (name === 'b') return { servers, start: { env: { AQUATIC_REQUEST_WORKERS: '2' } } }
    return { servers: name === 'c' ? servers.reverse() : servers }
  }
}

function clusterSettings(listen: string, route = ''): string {
  const routes = route === '' ? '' : `, routes: [ "nats://${route}" ]`
  return `cluster { name: x, listen: "${listen}"${routes} }`
}

describe.skipIf(WHY_NO_NATS !== '')(`kill −9${WHY_NO_NATS}`, () => {
  test('nodes and servers killed and stopped at random: all nodes know the same afterwards', () =>
    Cluster.with(async (cluster) => {
      await cluster.start()
      const end = performance.now() + MINUTES * 60_000
      do await cluster.round()
      while (performance.now() < end)
    }))
})
