// Runs a program for network cards on frames that no card has seen, and says what it did with them. Used by the tests of
// src/xdp, as root.
import { deleteFromMap, loadProgram, updateMap } from '../../src/os/bpf.ts'
import { addressHigh, addressLow, addressOf, errno, libc, nativeWords } from '../../src/os/ffi.ts'
import { BPF_MAP_LOOKUP_ELEM, BPF_PROG_TEST_RUN, SYS_BPF } from '../../src/os/kernel.ts'
import { closeXdpSocket, openXdpSocket } from '../../src/os/xdp-socket.ts'
import type { PortRange } from '../../src/xdp/program.ts'
import { addressBytes } from './packets.ts'
import { newMaps } from './xdp.ts'

export type Verdict =
  | 'taken'
  | 'passed: nobody serves the queue'
  | 'passed: for others'
  | 'passed: in a form left to the kernel'

const XDP_PASS = 2
const XDP_REDIRECT = 4
const ATTRIBUTE_WORDS = 32
const FRAME_BYTES_MAX = 3000

/** Where a program may send to: one queue, with these destinations. */
export class ProgramBench {
  readonly maps: {
    readonly destinations: number
    readonly sockets: number
    readonly passed: number
  }
  private readonly closeMaps: () => void
  private readonly socket = openXdpSocket({ bytes: 65536, chunkBytes: 2048, headroomBytes: 2 }, 8)
  private readonly input = nativeWords(FRAME_BYTES_MAX / 4)
  private readonly output = nativeWords(FRAME_BYTES_MAX / 4)
  private readonly attribute = nativeWords(ATTRIBUTE_WORDS)
  private readonly key = nativeWords(1)
  private readonly value = nativeWords(16)
  private readonly bytes = new Uint8Array(this.input.buffer)

  constructor(destinations: readonly { readonly host: string; readonly ports: PortRange }[]) {
    const { maps, close } = newMaps()
    this.maps = maps
    this.closeMaps = close
    for (const { host, ports } of destinations) {
      const key = nativeWords(5)
      const address = addressBytes(host)
      new Uint8Array(key.buffer).set(address)
      key[4] = ports.from | ((address.length === 4 ? 4 : 6) << 16)
      updateMap(maps.destinations, key, this.key)
    }
    const socket = nativeWords(1)
    socket[0] = this.socket.fd
    updateMap(maps.sockets, this.key, socket)
  }

  load(words: Int32Array): number {
    return loadProgram('test', words)
  }

  /** Of a program that `load` returned. Throws if the frame is not left as it was. */
  run(program: number, frame: Uint8Array): Verdict {
    const { attribute, input, output } = this
    const before = this.counts()
    this.bytes.set(frame)
    attribute.fill(0)
    attribute[0] = program
    attribute[2] = frame.length
    attribute[3] = FRAME_BYTES_MAX
    attribute[4] = addressLow(input)
    attribute[5] = addressHigh(input)
    attribute[6] = addressLow(output)
    attribute[7] = addressHigh(output)
    attribute[8] = 1
    this.call(BPF_PROG_TEST_RUN)
    const [returned, length] = [attribute[1], attribute[3]]
    const given = Buffer.from(output.buffer, 0, length)
    if (!given.equals(frame)) throw new Error('the program has changed the frame')
    const after = this.counts()
    const counted = [after[0] - before[0], after[1] - before[1]].join()
    const verdict = { '0,0': 'taken', '1,0': 'passed: for others', '0,1': FORM }[counted]
    if (verdict === 'taken' && returned === XDP_PASS) return 'passed: nobody serves the queue'
    const action = verdict === 'taken' ? XDP_REDIRECT : XDP_PASS
    if (verdict === undefined || returned !== action) {
      throw new Error(`the program returned ${returned} and counted ${counted}`)
    }
    return verdict as Verdict
  }

  /** No worker has the queue any more. */
  leaveQueue(): void {
    deleteFromMap(this.maps.sockets, this.key)
  }

  close(): void {
    closeXdpSocket(this.socket)
    this.closeMaps()
  }

  /** Packets passed on: for others, and of other forms. */
  private counts(): [number, number] {
    const { attribute, key, value } = this
    attribute.fill(0)
    attribute[0] = this.maps.passed
    attribute[2] = addressLow(key)
    attribute[3] = addressHigh(key)
    attribute[4] = addressLow(value)
    attribute[5] = addressHigh(value)
    this.call(BPF_MAP_LOOKUP_ELEM)
    return [value[0], value[2]]
  }

  private call(command: number): void {
    const attribute = addressOf(this.attribute) as never
    const result = libc.syscall(SYS_BPF, command, attribute, ATTRIBUTE_WORDS * 4, 0)
    if (result < 0) throw new Error(`bpf command ${command}: error ${errno()}`)
  }
}

const FORM: Verdict = 'passed: in a form left to the kernel'
