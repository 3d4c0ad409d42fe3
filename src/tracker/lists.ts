// The lists that a tracker reads from files: which torrents it serves, and which clients by their keys, networks and
// peer ids. Made by tracker.ts, once for all protocols. Owns them.
import { AccessKeyReloader } from '../access-keys/reloader.ts'
import type { AccessListData } from '../access-list/list.ts'
import { AccessListReloader, type ListEditing } from '../access-list/reloader.ts'
import type { ClientGateData } from '../client-lists/gate.ts'
import { ClientListReloader, NetworkListReloader } from '../client-lists/reloader.ts'
import type { Log } from '../log/log.ts'
import { FirstValue } from '../process/first-value.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { ListUpdate } from '../requests/swarm-worker.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { Protocol } from './protocol.ts'
import type { CommonConfig } from './settings.ts'

type Receiver = Pick<Protocol<never>, 'sendList'>

export class Lists {
  readonly torrents: AccessListReloader
  readonly keys: AccessKeyReloader
  private readonly networks: NetworkListReloader
  private readonly clients: ClientListReloader

  /** `protocols`: they are sent lists that were read again. */
  constructor(
    config: CommonConfig,
    swarms: SwarmBuffers,
    log: Log,
    protocols: () => readonly Receiver[],
    editing: Omit<ListEditing, 'forbidden'>,
  ) {
    const { access_list, access_keys, network_list, client_list, privileges } = config
    const send = (update: ListUpdate) => {
      for (const protocol of protocols()) protocol.sendList(update)
    }
    const sendTorrents = (accessList: AccessListData) => send({ accessList })
    this.torrents = new AccessListReloader(access_list, privileges, swarms, log, sendTorrents, {
      ...editing,
      forbidden: () => send({ accessEdited: true }),
    })
    this.keys = new AccessKeyReloader(access_keys, privileges, log, (accessKeys) => {
      send({ accessKeys })
    })
    const options = { privileges, log }
    this.networks = new NetworkListReloader(network_list, options, (networkList) => {
      send({ networkList })
    })
    this.clients = new ClientListReloader(client_list, options, (clientList) => {
      send({ clientList })
    })
  }

  get troubleSources(): TroubleSource[] {
    return [...this.all.map(({ troubleSource }) => troubleSource), this.keys.emptyTroubleSource]
  }

  /** The lists in force, for a worker's start. */
  clientLists(): ClientGateData {
    return {
      networkList: new FirstValue(this.networks.list),
      clientList: new FirstValue(this.clients.list),
    }
  }

  private get all() {
    return [this.torrents, this.keys, this.networks, this.clients]
  }

  /** For the start. Throws StartError. */
  async load(): Promise<void> {
    for (const list of this.all) await list.load()
  }

  start(): void {
    for (const list of this.all) list.start()
  }

  stop(): void {
    for (const list of this.all) list.stop()
  }

  takenOver(): void {
    this.torrents.takenOver()
  }

  rootChanged(): void {
    for (const list of this.all) list.rootChanged()
  }

  /** `paths`: the settings that have changed. */
  configure(config: CommonConfig, paths: ReadonlySet<string>): void {
    const { access_list, access_keys, network_list, client_list } = config
    const hasChanged = (section: string) =>
      [...paths].some((path) => path.startsWith(`${section}.`))
    if (hasChanged('access_list')) this.torrents.change(access_list)
    if (hasChanged('access_keys')) this.keys.change(access_keys)
    if (hasChanged('network_list')) this.networks.change(network_list)
    if (hasChanged('client_list')) this.clients.change(client_list)
  }
}
