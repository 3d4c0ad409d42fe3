// What it costs to decide whom to serve and whose peers to store: lists of networks and clients, of several sizes, and
// the class of a peer's address. Run: bun bench/who-may.ts [--smoke] [networks]. Prints seconds to read a list,
// its memory, and nanoseconds per question as minimum, mean and deviation over rounds, with a checksum.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readClientFile } from '../src/client-lists/client-file.ts'
import { ClientGate, MODE_DENY } from '../src/client-lists/gate.ts'
import { readNetworkFile } from '../src/client-lists/network-file.ts'
import { createPublicPeers, PeerAddresses } from '../src/peer-addresses/peer-addresses.ts'
import { Peer } from '../src/swarm/peers/peer.ts'
import { newFolder } from './support/folder.ts'
import { timesLine } from './support/times.ts'
import { random } from './support/workload.ts'

const smoke = process.argv.includes('--smoke')
const given = process.argv.slice(2).find((argument) => /^\d+$/.test(argument))
const SIZES = given !== undefined ? [Number(given)] : smoke ? [100] : [1000, 100_000, 1_000_000]
const QUESTIONS = smoke ? 1000 : 1 << 18
const ROUNDS = smoke ? 2 : 40
const MAX_AGE = 1200

const path = join(newFolder(), 'list.txt')
const peer = new Peer()
/** Four words of each question. */
const words = new Int32Array(QUESTIONS * 4)
let checksum = 0

const below = (count: number) => Math.floor(random() * count)
const hex = (number: number) => number.toString(16)

function report(name: string, ask: (at: number) => boolean): void {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let yes = 0
    const start = Bun.nanoseconds()
    for (let i = 0; i < QUESTIONS; i++) if (ask(i * 4)) yes++
    times.push((Bun.nanoseconds() - start) / QUESTIONS)
    checksum = (checksum * 31 + yes) | 0
  }
  console.log(timesLine(name, 44, times, 'ns', 1))
}

/** Random addresses: of IPv4 anywhere, of IPv6 where sites are. */
function fill(ipv4: boolean): void {
  for (let i = 0; i < QUESTIONS; i++) {
    words[i * 4] = ipv4 ? below(2 ** 32) | 0 : (0x20 | (below(16) << 8) | (below(65536) << 16)) & -1
    words[i * 4 + 1] = below(2 ** 32) | 0
  }
}

/** Networks as lists have them: of IPv4 of 256 addresses, of IPv6 a /48. */
function network(ipv4: boolean): string {
  if (ipv4) return `${below(224)}.${below(256)}.${below(256)}.0/24`
  return `${hex(0x2000 + below(16))}:${hex(below(65536))}:${hex(below(65536))}::/48`
}

async function benchNetworks(count: number, ipv4: boolean): Promise<void> {
  const name = `${count} networks of ${ipv4 ? 'IPv4' : 'IPv6'}`
  writeFileSync(path, Array.from({ length: count }, () => network(ipv4)).join('\n'))
  const start = Bun.nanoseconds()
  const { tables } = await readNetworkFile(path, false)
  const seconds = (Bun.nanoseconds() - start) / 1e9
  const table = ipv4 ? tables.ipv4 : tables.ipv6
  const size = `${(table.words.byteLength / 2 ** 20).toFixed(1)} MiB`
  console.log(`${name}: ${table.count} ranges, read in ${seconds.toFixed(2)} s, ${size}`)
  const gate = new ClientGate()
  gate.setNetworks({ mode: MODE_DENY, tables })
  fill(ipv4)
  peer.ipv4 = ipv4
  report(name, (at) => gate.deniesNetwork(peerAt(at)))
}

function peerAt(at: number): Peer {
  peer.a0 = words[at]
  peer.a1 = peer.ipv4 ? 0 : words[at + 1]
  return peer
}

const off = new ClientGate()
fill(true)
peer.ipv4 = true
report('no list: networks', (at) => off.deniesNetwork(peerAt(at)))
report('no list: clients', (at) => off.deniesClient(words, at & 0xff))
for (const count of SIZES) {
  await benchNetworks(count, true)
  await benchNetworks(count, false)
}

const prefixes = Array.from({ length: 200 }, (_, i) => `-${(36 ** 3 + i * 97).toString(36)}-`)
writeFileSync(path, prefixes.join('\n'))
const clients = new ClientGate()
clients.setClients({ mode: MODE_DENY, ...(await readClientFile(path)) })
report('200 clients', (at) => clients.deniesClient(words, at & 0xffff))

const addresses = new PeerAddresses(
  createPublicPeers(),
  {
    privatePeers: 'auto',
    storesReserved: false,
    internal: [],
    externalIPv4: '',
    externalIPv6: '',
  },
  MAX_AGE,
)
addresses.setTime(1)
for (const ipv4 of [true, false]) {
  fill(ipv4)
  // Public ones, as nearly all are: branches would otherwise cost more than the question.
  if (ipv4)
    for (let i = 0; i < QUESTIONS; i++) words[i * 4] = (words[i * 4] & ~0xff) | (11 + below(88))
  peer.ipv4 = ipv4
  report(`the loop alone, ${ipv4 ? 'IPv4' : 'IPv6'}`, (at) => peerAt(at).a0 === 1)
  report(
    `class of a public address, ${ipv4 ? 'IPv4' : 'IPv6'}`,
    (at) => addresses.place(peerAt(at)) !== 0,
  )
}
console.log(`checksum ${checksum}`)
