// Three hosts with a tracker and a NATS server each, as in docs/cluster.md, whose cables are pulled while all of them serve clients.
// Run by namespaces.test.ts in a network namespace, as root of it; prints «all equal» at the end.
import { notEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../support/folder.ts'
import { NatsServer } from '../support/nats-server.ts'
import { Fleet } from './fleet.ts'
import { CLIENTS, Host, makeSwitches } from './hosts.ts'

const NAMES = ['a', 'b', 'c']

class Site {
  readonly fleet: Fleet
  readonly hosts: readonly Host[]
  readonly servers: NatsServer[] = []
  private readonly folder: string

  constructor(fleet: Fleet, hosts: readonly Host[], folder: string) {
    this.fleet = fleet
    this.hosts = hosts
    this.folder = folder
  }

  async start(): Promise<void> {
    const { fleet, hosts, servers } = this
    for (const host of hosts) servers.push(await this.startServer(host))
    await fleet.startAll(NAMES, { servers: '' }, (name) => {
      const host = this.hostOf(name)
      const own = host.innerAddress
      return {
        // Its own first, then all.
        servers: [own, ...hosts.map(({ innerAddress }) => innerAddress)].map((at) => `${at}:4222`),
        listen: `${host.publicAddress}:3000`,
        operations: `${host.publicAddress}:9000`,
        start: { prefix: host.prefix },
      }
    })
    await fleet.churn(NAMES, 60)
    await fleet.equal(NAMES, 'announces')
  }

  hostOf(name: string): Host {
    const host = this.hosts.find((each) => each.name === name)
    if (host === undefined) throw new Error(`there is no host ${name}`)
    return host
  }

  startServer({ name, innerAddress, prefix }: Host): Promise<NatsServer> {
    const path = join(this.folder, `${name}.conf`)
    const routes = this.hosts.map((host) => `"nats://${host.innerAddress}:6222"`)
    writeFileSync(
      path,
      `server_name: ${name}
listen: "${innerAddress}:4222"
cluster { name: aquatic, listen: "${innerAddress}:6222", routes: [ ${routes.join(', ')} ] }
`,
    )
    return NatsServer.startFile(path, prefix)
  }

  /** These hosts are cut off while clients come and go everywhere. */
  async cut(names: readonly string[]): Promise<void> {
    const { fleet } = this
    await fleet.meanwhile(NAMES, async () => {
      for (const name of names) this.hostOf(name).pullCable()
      for (const name of names) {
        for (const other of NAMES) if (other !== name) await fleet.hears(name, other, false)
      }
      await fleet.churn(NAMES, 80)
      notEqual(await fleet.known('a'), await fleet.known('c'))
      for (const name of names) this.hostOf(name).plugCable()
      await fleet.repaired(NAMES, `${names} cut off`)
    })
  }

  /** A host loses its server, and its node goes to another host's. */
  async loseServer(at: number): Promise<void> {
    const { fleet, servers } = this
    await fleet.meanwhile(NAMES, async () => {
      await servers[at].kill()
      await fleet.churn(NAMES, 60)
      await fleet.repaired(NAMES, 'a server lost')
      servers[at] = await this.startServer(this.hosts[at])
    })
  }
}

makeSwitches()
const folder = newFolder()
const hosts: Host[] = []
try {
  for (const [i, name] of NAMES.entries()) hosts.push(await Host.open(name, i + 1))
  await Fleet.with(async (fleet) => {
    const site = new Site(fleet, hosts, folder)
    try {
      await site.start()
      await site.cut(['c'])
      await site.loseServer(0)
      await site.cut(NAMES)
    } finally {
      for (const server of site.servers) await server.stop()
    }
  }, CLIENTS)
} finally {
  for (const host of hosts) host.close()
  removeFolder(folder)
}
console.log('all equal')
process.exit(0)
