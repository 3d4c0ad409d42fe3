// Whom a tracker serves, by network and by client: the lists of networks and of beginnings of peer ids. Asked by the
// workers of all protocols. One per worker; the lists are in shared memory (ranges.ts) and are replaced when they
// change.
import type { FirstValue } from '../process/first-value.ts'
import type { AddressWords } from '../tcp/networks.ts'
import { PEER_ID_WORDS } from './client-file.ts'
import { type NetworkTables, NO_NETWORKS } from './network-file.ts'
import { NO_RANGES, type RangeData, Ranges } from './ranges.ts'

export const MODE_OFF = 0
/** Only those in the list are served, */
export const MODE_ALLOW = 1
/** or all others. */
export const MODE_DENY = 2

/** The lists in the form in which workers receive them. */
export interface NetworkListData {
  readonly mode: number
  readonly tables: NetworkTables
}

export interface ClientListData {
  readonly mode: number
  readonly table: RangeData
}

export const ALL_NETWORKS: NetworkListData = { mode: MODE_OFF, tables: NO_NETWORKS }
export const ALL_CLIENTS: ClientListData = { mode: MODE_OFF, table: NO_RANGES }

/** What a worker that asks starts with. */
export interface ClientGateData {
  readonly networkList: FirstValue<NetworkListData>
  readonly clientList: FirstValue<ClientListData>
}

/** What replaces it later. */
export interface ClientListUpdate {
  readonly networkList?: NetworkListData
  readonly clientList?: ClientListData
}

const WORDS_IPV4 = 1
const WORDS_IPV6 = 4

export class ClientGate {
  private networkMode = MODE_OFF
  private clientMode = MODE_OFF
  private ipv4 = new Ranges(NO_RANGES, WORDS_IPV4)
  private ipv6 = new Ranges(NO_RANGES, WORDS_IPV6)
  private clients = new Ranges(NO_RANGES, PEER_ID_WORDS)

  setNetworks({ mode, tables }: NetworkListData): void {
    this.networkMode = mode
    this.ipv4 = new Ranges(tables.ipv4, WORDS_IPV4)
    this.ipv6 = new Ranges(tables.ipv6, WORDS_IPV6)
  }

  setClients({ mode, table }: ClientListData): void {
    this.clientMode = mode
    this.clients = new Ranges(table, PEER_ID_WORDS)
  }

  // HOT: no allocation below this line.

  /** Whether requests from this address are refused. */
  deniesNetwork(source: AddressWords): boolean {
    const mode = this.networkMode
    return mode !== MODE_OFF && this.hasAddress(source) === (mode === MODE_DENY)
  }

  /** Whether announces with the peer id at `words[at]` are refused. */
  deniesClient(words: Int32Array, at: number): boolean {
    const mode = this.clientMode
    return mode !== MODE_OFF && this.hasClient(words, at) === (mode === MODE_DENY)
  }

  private hasAddress({ ipv4, a0, a1, a2, a3 }: AddressWords): boolean {
    if (ipv4) {
      this.ipv4.setKey(0, a0)
      return this.ipv4.hasKey()
    }
    this.ipv6.setKey(0, a0)
    this.ipv6.setKey(1, a1)
    this.ipv6.setKey(2, a2)
    this.ipv6.setKey(3, a3)
    return this.ipv6.hasKey()
  }

  private hasClient(words: Int32Array, at: number): boolean {
    for (let i = 0; i < PEER_ID_WORDS; i++) this.clients.setKey(i, words[at + i])
    return this.clients.hasKey()
  }
}
