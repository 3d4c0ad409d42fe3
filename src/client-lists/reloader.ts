// The lists of networks and clients and their files: tells list-file/reloader.ts how to read them. Made by the tracker
// (tracker/lists.ts), in the main thread. Owns the lists in force.
import { counted } from '../config/quantities.ts'
import { type ListKind, ListReloader, listFaults } from '../list-file/reloader.ts'
import type { Log } from '../log/log.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import { readClientFile } from './client-file.ts'
import {
  ALL_CLIENTS,
  ALL_NETWORKS,
  type ClientListData,
  MODE_ALLOW,
  MODE_DENY,
  type NetworkListData,
} from './gate.ts'
import { readNetworkFile } from './network-file.ts'
import type { ClientListConfig } from './settings.ts'

const MODES = { allow: MODE_ALLOW, deny: MODE_DENY }

/** A list with the number of its entries. */
interface Counted<D> {
  readonly data: D
  readonly entries: number
}

const NETWORKS: ListKind<ClientListConfig, Counted<NetworkListData>> = {
  section: 'network_list',
  title: 'network list',
  read: async (path, { mode }) => {
    if (mode === 'off') return { data: ALL_NETWORKS, entries: 0 }
    const { tables, entries } = await readNetworkFile(path, mode === 'allow')
    return { data: { mode: MODES[mode], tables }, entries }
  },
  sizeText: ({ entries }) => counted(entries, 'network'),
}

const CLIENTS: ListKind<ClientListConfig, Counted<ClientListData>> = {
  section: 'client_list',
  title: 'client list',
  read: async (path, { mode }) => {
    if (mode === 'off') return { data: ALL_CLIENTS, entries: 0 }
    const { table, entries } = await readClientFile(path)
    return { data: { mode: MODES[mode], table }, entries }
  },
  sizeText: ({ entries }) => counted(entries, 'client'),
}

/** For --check. */
export async function clientListFaults(
  networks: ClientListConfig,
  clients: ClientListConfig,
): Promise<string[]> {
  return [...(await listFaults(NETWORKS, networks)), ...(await listFaults(CLIENTS, clients))]
}

class CountedReloader<D> extends ListReloader<ClientListConfig, Counted<D>> {
  /** The list in force, with which workers start. */
  get list(): D {
    return this.inForce.data
  }
}

interface Options {
  readonly privileges: PrivilegeConfig
  readonly log: Log
}

export class NetworkListReloader extends CountedReloader<NetworkListData> {
  constructor(
    config: ClientListConfig,
    { privileges, log }: Options,
    send: (list: NetworkListData) => void,
  ) {
    const off = { data: ALL_NETWORKS, entries: 0 }
    super(NETWORKS, off, config, privileges, log, ({ data }) => send(data))
  }
}

export class ClientListReloader extends CountedReloader<ClientListData> {
  constructor(
    config: ClientListConfig,
    { privileges, log }: Options,
    send: (list: ClientListData) => void,
  ) {
    const off = { data: ALL_CLIENTS, entries: 0 }
    super(CLIENTS, off, config, privileges, log, ({ data }) => send(data))
  }
}
