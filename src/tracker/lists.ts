// The lists that a tracker reads from files: which torrents it serves, and which clients. Made by tracker.ts,
// once for all protocols. Owns both.
import { AccessKeyReloader } from '../access-keys/reloader.ts'
import type { AccessListData } from '../access-list/list.ts'
import { AccessListReloader, type ListEditing } from '../access-list/reloader.ts'
import type { Log } from '../log/log.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { Protocol } from './protocol.ts'
import type { CommonConfig } from './settings.ts'

type Receiver = Pick<Protocol<never>, 'sendAccessList' | 'accessListEdited' | 'sendAccessKeys'>

export class Lists {
  readonly torrents: AccessListReloader
  readonly keys: AccessKeyReloader

  /** `protocols`: they are sent lists that were read again. */
  constructor(
    { access_list, access_keys, privileges }: CommonConfig,
    swarms: SwarmBuffers,
    log: Log,
    protocols: () => readonly Receiver[],
    editing: Omit<ListEditing, 'forbidden'>,
  ) {
    const send = (list: AccessListData) => {
      for (const protocol of protocols()) protocol.sendAccessList(list)
    }
    this.torrents = new AccessListReloader(access_list, privileges, swarms, log, send, {
      ...editing,
      forbidden: () => {
        for (const protocol of protocols()) protocol.accessListEdited()
      },
    })
    this.keys = new AccessKeyReloader(access_keys, privileges, log, (keys) => {
      for (const protocol of protocols()) protocol.sendAccessKeys(keys)
    })
  }

  get troubleSources(): TroubleSource[] {
    const { torrents, keys } = this
    return [torrents.troubleSource, keys.troubleSource, keys.emptyTroubleSource]
  }

  /** For the start. Throws StartError. */
  async load(): Promise<void> {
    await this.torrents.load()
    await this.keys.load()
  }

  start(): void {
    this.torrents.start()
    this.keys.start()
  }

  stop(): void {
    this.torrents.stop()
    this.keys.stop()
  }

  takenOver(): void {
    this.torrents.takenOver()
  }

  rootChanged(): void {
    this.torrents.rootChanged()
    this.keys.rootChanged()
  }

  /** `paths`: the settings that have changed. */
  configure({ access_list, access_keys }: CommonConfig, paths: ReadonlySet<string>): void {
    const hasChanged = (section: string) =>
      [...paths].some((path) => path.startsWith(`${section}.`))
    if (hasChanged('access_list')) this.torrents.change(access_list)
    if (hasChanged('access_keys')) this.keys.change(access_keys)
  }
}
