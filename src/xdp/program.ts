// The program that the kernel runs for each packet of a network card, before anything else sees it: it hands
// requests for the tracker to the worker of the packet's queue, and passes on everything else to the kernel as if it
// were not there. Made by xdp-interface.ts.
//
// For the tracker is a UDP packet to one of the addresses and ports that it listens on (`destinations`), in the card's
// own Ethernet address, whole, without IP options, IPv6 extension headers or a VLAN tag, and not longer than a frame.
// The lengths within the packet and its checksums are checked by who reads it (frame.ts).
import { Assembler } from './assembler.ts'
import { RECEIVED_BYTES_MAX } from './layout.ts'

/** Ports that are looked up, both ends included. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

export interface ProgramOptions {
  /** Of the card, six bytes. */
  readonly mac: Uint8Array
  /** At most PORT_RANGES_MAX, which do not overlap. */
  readonly ports: readonly PortRange[]
  /** Descriptors of its maps. */
  readonly maps: {
    readonly destinations: number
    readonly sockets: number
    readonly passed: number
  }
}

/** Each costs every UDP packet two comparisons. */
export const PORT_RANGES_MAX = 64

// A key of the map `destinations`: 0 address, 16 bytes, zeros after an IPv4 one │ 16 first port of the range, as a
// number u16 │ 18 family u16: an IPv6 packet cannot be for an IPv4 address. Its value, four bytes, says nothing.
export const DESTINATION_KEY_BYTES = 20
const KEY = -DESTINATION_KEY_BYTES - 4
const KEY_PORT = KEY + 16
const KEY_FAMILY = KEY + 18

// A value of the map `passed`, by queue: 0 packets for others u64 │ 8 UDP packets of a form that is left to the
// kernel u64 │ up to a cache line.
export const PASSED_VALUE_BYTES = 64
export const PASSED_OTHERS = 0
export const PASSED_FORMS = 8
/** Where its key is on the stack. */
const QUEUE = -4

// struct xdp_md
const DATA = 0
const DATA_END = 4
const RX_QUEUE_INDEX = 16

const XDP_PASS = 2

// Ethernet: 0 destination │ 6 source │ 12 type. Numbers are read as the machine has them: 0x0800 is 8.
const ETHERTYPE = 12
const TYPE_IPV4 = 0x0008
const TYPE_IPV6 = 0xdd86
// IPv4, from byte 14 on: 14 version and length of the header │ 20 flags and offset of a fragment │ 23 protocol
// │ 30 destination; UDP from byte 34 on
const IPV4_FORM = 14
const IPV4_FRAGMENT = 20
const IPV4_PROTOCOL = 23
const IPV4_DESTINATION = 30
const IPV4_UDP_PORT = 36
const IPV4_BYTES_MIN = 42
const NO_OPTIONS = 0x45
/** More fragments, and the offset: 0x3fff. */
const FRAGMENT_MASK = 0xff3f
// IPv6: 14 version │ 20 next header │ 38 destination; UDP from byte 54 on
const IPV6_FORM = 14
const IPV6_NEXT_HEADER = 20
const IPV6_DESTINATION = 38
const IPV6_UDP_PORT = 56
const IPV6_BYTES_MIN = 62
const UDP = 17

export function redirectProgram({ mac, ports, maps }: ProgramOptions): Assembler {
  if (ports.length > PORT_RANGES_MAX) throw new RangeError(`${ports.length} ranges of ports`)
  const program = new Assembler()
  program.move('r6', 'r1')
  // For `passed`, in r7: which of its counters.
  program.move('r7', PASSED_OTHERS)
  program.load(4, 'r2', 'r1', DATA)
  program.load(4, 'r3', 'r1', DATA_END)
  needBytes(program, IPV4_BYTES_MIN)
  program.load(4, 'r5', 'r2', 0)
  program.jumpIf('r5', '!=', mac[0] | (mac[1] << 8) | (mac[2] << 16) | (mac[3] << 24) | 0, 'pass')
  program.load(2, 'r5', 'r2', 4)
  program.jumpIf('r5', '!=', mac[4] | (mac[5] << 8), 'pass')
  program.load(2, 'r5', 'r2', ETHERTYPE)
  program.jumpIf('r5', '==', TYPE_IPV4, 'ipv4')
  program.jumpIf('r5', '==', TYPE_IPV6, 'ipv6')
  program.jump('pass')
  ipv4(program)
  ipv6(program)
  findPort(program, ports)
  redirect(program, maps)
  pass(program, maps.passed)
  return program
}

function needBytes(program: Assembler, count: number): void {
  program.move('r4', 'r2')
  program.add('r4', count)
  program.jumpIf('r4', '>', 'r3', 'pass')
}

/** Leaves the address in the key, and the port in r5. */
function ipv4(program: Assembler): void {
  program.label('ipv4')
  program.load(1, 'r5', 'r2', IPV4_PROTOCOL)
  program.jumpIf('r5', '!=', UDP, 'pass')
  program.move('r7', PASSED_FORMS)
  program.load(1, 'r5', 'r2', IPV4_FORM)
  program.jumpIf('r5', '!=', NO_OPTIONS, 'pass')
  program.load(2, 'r5', 'r2', IPV4_FRAGMENT)
  program.and('r5', FRAGMENT_MASK)
  program.jumpIf('r5', '!=', 0, 'pass')
  program.load(4, 'r5', 'r2', IPV4_DESTINATION)
  program.store(4, 'r10', KEY, 'r5')
  for (let i = 4; i < 16; i += 4) program.store(4, 'r10', KEY + i, 0)
  program.store(2, 'r10', KEY_FAMILY, 4)
  program.load(2, 'r5', 'r2', IPV4_UDP_PORT)
  program.jump('udp')
}

function ipv6(program: Assembler): void {
  program.label('ipv6')
  needBytes(program, IPV6_BYTES_MIN)
  program.load(1, 'r5', 'r2', IPV6_NEXT_HEADER)
  program.jumpIf('r5', '!=', UDP, 'pass')
  program.load(1, 'r5', 'r2', IPV6_FORM)
  program.shiftRight('r5', 4)
  program.jumpIf('r5', '!=', 6, 'pass')
  for (let i = 0; i < 16; i += 4) {
    program.load(4, 'r5', 'r2', IPV6_DESTINATION + i)
    program.store(4, 'r10', KEY + i, 'r5')
  }
  program.store(2, 'r10', KEY_FAMILY, 6)
  program.load(2, 'r5', 'r2', IPV6_UDP_PORT)
}

/** Leaves the first port of the range in the key. */
function findPort(program: Assembler, ports: readonly PortRange[]): void {
  program.label('udp')
  program.move('r7', PASSED_OTHERS)
  program.swapBytes16('r5')
  for (const [i, { from, to }] of ports.entries()) {
    const next = `not ${i}`
    if (from === to) program.jumpIf('r5', '!=', from, next)
    else {
      program.jumpIf('r5', '<', from, next)
      program.jumpIf('r5', '>', to, next)
    }
    program.store(2, 'r10', KEY_PORT, from)
    program.jump('port found')
    program.label(next)
  }
  program.jump('pass')
  program.label('port found')
}

function redirect(program: Assembler, maps: ProgramOptions['maps']): void {
  program.move('r7', PASSED_FORMS)
  program.move('r4', 'r2')
  program.add('r4', RECEIVED_BYTES_MAX)
  program.jumpIf('r3', '>', 'r4', 'pass')
  program.move('r7', PASSED_OTHERS)
  program.loadMap('r1', maps.destinations, 'destinations')
  program.move('r2', 'r10')
  program.add('r2', KEY)
  program.call('map_lookup_elem')
  program.jumpIfNull('r0', 'pass')
  // Where no worker has the queue, the kernel gets the packet.
  program.load(4, 'r2', 'r6', RX_QUEUE_INDEX)
  program.loadMap('r1', maps.sockets, 'sockets')
  program.move('r3', XDP_PASS)
  program.call('redirect_map')
  program.exit()
}

function pass(program: Assembler, map: number): void {
  program.label('pass')
  program.load(4, 'r5', 'r6', RX_QUEUE_INDEX)
  program.store(4, 'r10', QUEUE, 'r5')
  program.loadMap('r1', map, 'passed')
  program.move('r2', 'r10')
  program.add('r2', QUEUE)
  program.call('map_lookup_elem')
  program.jumpIfNull('r0', 'uncounted')
  program.move('r1', 1)
  program.jumpIf('r7', '==', PASSED_FORMS, 'form')
  program.atomicAdd('r0', PASSED_OTHERS, 'r1')
  program.jump('uncounted')
  program.label('form')
  program.atomicAdd('r0', PASSED_FORMS, 'r1')
  program.label('uncounted')
  program.move('r0', XDP_PASS)
  program.exit()
}
