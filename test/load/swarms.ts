// The swarms of the small UDP and HTTP trackers with which the load tester's checks are tested, and what is wrong
// about peers and counts, one thing each. Written from the BEPs, not from our tracker, so that both can be wrong alone.

export interface Peer {
  readonly key: string
  readonly bytes: Buffer
  readonly seeder: boolean
}

type Swarm = Map<string, Peer>

/** What an announce is answered with, before it is written. */
export interface Announced {
  readonly own: Peer
  readonly swarm: Swarm
  /** All swarms, by info hash. */
  readonly swarms: ReadonlyMap<string, Swarm>
  interval: number
  seeders: number
  leechers: number
  peers: Buffer[]
}

interface Announce {
  /** In hex. */
  readonly infoHash: string
  readonly address: string
  readonly port: number
  readonly isSeeder: boolean
  readonly wanted: number
}

export class Swarms {
  private readonly swarms = new Map<string, Swarm>()
  private readonly intervalSec: number

  constructor(intervalSec: number) {
    this.intervalSec = intervalSec
  }

  announce({ infoHash, address, port, isSeeder, wanted }: Announce): Announced {
    const swarm = this.swarms.get(infoHash) ?? new Map<string, Peer>()
    this.swarms.set(infoHash, swarm)
    const host = address.includes(':') ? ipv6Bytes(address) : address.split('.').map(Number)
    const bytes = Buffer.from([...host, port >> 8, port & 255])
    const own = { key: bytes.toString('hex'), bytes, seeder: isSeeder }
    swarm.delete(own.key)
    const others = [...swarm.values()]
    swarm.set(own.key, own)
    return {
      own,
      swarm,
      swarms: this.swarms,
      interval: this.intervalSec,
      ...countsOf(others),
      peers: others.slice(0, wanted).map((peer) => peer.bytes),
    }
  }

  /** `infoHash` in hex. */
  counts(infoHash: string): { seeders: number; leechers: number } {
    return countsOf([...(this.swarms.get(infoHash)?.values() ?? [])])
  }
}

function countsOf(peers: readonly Peer[]): { seeders: number; leechers: number } {
  const seeders = peers.filter(({ seeder }) => seeder).length
  return { seeders, leechers: peers.length - seeders }
}

function ipv6Bytes(address: string): number[] {
  if (address !== '::1') throw new Error(`${address} is not expected`)
  return [...Array(15).fill(0), 1]
}

/** Of an answer, to see whether a fault has changed it. */
export function announcedText({ interval, seeders, leechers, peers }: Announced): string {
  return [interval, seeders, leechers, ...peers.map((peer) => peer.toString('hex'))].join(' ')
}

/** How many peers the load tester asks for. */
export const WANTED = 10

interface AnnouncedFault {
  readonly counted: string
  readonly fault: { readonly announced: (answer: Announced) => void }
}

/** As what each must be counted. */
export const PEER_FAULTS: Readonly<Record<string, AnnouncedFault>> = {
  'an interval of 0': {
    counted: 'interval',
    fault: {
      announced: (answer) => {
        answer.interval = 0
      },
    },
  },
  'more peers than were asked for': {
    counted: 'too_many_peers',
    fault: {
      announced: (answer) => {
        answer.peers = [...answer.swarm.values()]
          .filter(({ key }) => key !== answer.own.key)
          .map(({ bytes }) => bytes)
      },
    },
  },
  'no peers': {
    counted: 'no_peers',
    fault: {
      announced: (answer) => {
        answer.peers = []
      },
    },
  },
  'the announcing peer among the peers': {
    counted: 'own_peer',
    fault: { announced: addPeer(({ own }) => own.bytes) },
  },
  'a peer twice': {
    counted: 'repeated_peer',
    fault: { announced: addPeer(({ peers }) => peers[0]) },
  },
  'a peer of another torrent': {
    counted: 'unknown_peer',
    fault: {
      announced: addPeer(({ swarm, swarms }) => {
        const other = [...swarms.values()].find((found) => found !== swarm && found.size > 0)
        return [...(other?.values() ?? [])][0]?.bytes
      }),
    },
  },
  'a right port with an address of nobody': {
    counted: 'unknown_peer',
    fault: {
      announced: addPeer(({ own }) => Buffer.from([10, 1, 2, 3, ...own.bytes.subarray(4)])),
    },
  },
  'a peer with its port turned around': {
    counted: 'unknown_peer',
    fault: {
      announced: addPeer(
        ({ peers: [first] }) => first && Buffer.from([...first.subarray(0, 4), first[5], first[4]]),
      ),
    },
  },
  'more seeders than were announced': {
    counted: 'count_high',
    fault: {
      announced: (answer) => {
        answer.seeders += answer.swarm.size + 1
      },
    },
  },
  'seeders and leechers exchanged': {
    counted: 'count_high',
    fault: {
      announced: (answer) => {
        const { seeders, leechers } = answer
        answer.seeders = leechers
        answer.leechers = seeders
      },
    },
  },
  'a seeder forgotten': {
    counted: 'count_low',
    fault: {
      announced: (answer) => {
        answer.seeders = Math.max(0, answer.seeders - 1)
      },
    },
  },
}

/** Beside the others, or in place of the last one if there are as many as were asked for. */
export function addPeer(
  find: (answer: Announced) => Buffer | undefined,
): (answer: Announced) => void {
  return (answer) => {
    const peer = find(answer)
    if (peer === undefined) return
    answer.peers = [...answer.peers.slice(0, WANTED - 1), peer]
  }
}
