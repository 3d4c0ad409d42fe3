// Two network namespaces with a cable between them (veth): a test, and a tracker on a network card of its own. Used by
// scripts that run in a namespace (namespace.ts), as root. The test's end also takes and sends whole frames.
import { readlinkSync } from 'node:fs'
import { cardOf } from '../../src/os/network-card.ts'
import { XdpCard } from '../../src/xdp/card.ts'
import { XdpQueue } from '../../src/xdp/queue.ts'
import { buildFrame, type FrameFields, type ReadFrame, readFrame } from './frames.ts'
import { addressBytes } from './packets.ts'
import { waitUntil } from './wait.ts'

/** The tracker's card, and the test's. */
export const CARD = 'card0'
export const OWN_CARD = 'card1'

export const HERE = { ipv4: '10.9.0.2', ipv6: 'fd00::2' }
export const THERE = { ipv4: '10.9.0.1', ipv6: 'fd00::1' }

/** Ports from which RawLink's frames may come. */
export const RAW_PORTS = { from: 20000, to: 29999 }

export class TwoNetworks {
  private readonly other: Bun.Subprocess
  /** What to run a command by that shall see the tracker's network. */
  readonly prefix: readonly string[]

  private constructor(other: Bun.Subprocess) {
    this.other = other
    this.prefix = ['nsenter', '-t', String(other.pid), '-n', '--']
  }

  /** `queues`: of the tracker's card. */
  static async open(queues = 1): Promise<TwoNetworks> {
    const other = Bun.spawn(['unshare', '--net', '--', 'sleep', '600'])
    const own = readlinkSync('/proc/self/ns/net')
    await waitUntil('there is a second network', () => {
      return readlinkSync(`/proc/${other.pid}/ns/net`) !== own
    })
    const networks = new TwoNetworks(other)
    const counts = `numrxqueues ${queues} numtxqueues ${queues}`
    run(`ip link add ${OWN_CARD} ${counts} type veth peer name ${CARD} ${counts}`)
    run(`ip link set ${CARD} netns ${other.pid}`)
    networks.there('ip link set lo up')
    networks.there(`ip addr add ${THERE.ipv4}/24 dev ${CARD}`)
    networks.there(`ip addr add ${THERE.ipv6}/64 dev ${CARD} nodad`)
    networks.there(`ip link set ${CARD} up`)
    run(`ip addr add ${HERE.ipv4}/24 dev ${OWN_CARD}`)
    run(`ip addr add ${HERE.ipv6}/64 dev ${OWN_CARD} nodad`)
    run(`ip link set ${OWN_CARD} up`)
    return networks
  }

  /** Runs a command in the tracker's network; returns what it prints. */
  there(command: string): string {
    return run(`${this.prefix.join(' ')} ${command}`)
  }

  /** Whether a program is attached to the tracker's card. */
  isAttached(): boolean {
    return /\bxdp(generic)?\b/.test(this.there(`ip link show dev ${CARD}`))
  }

  openLink(): RawLink {
    return new RawLink(this.mac())
  }

  /** Of the tracker's card. */
  mac(): Uint8Array {
    const found = /link\/ether (\S+)/.exec(this.there(`ip link show dev ${CARD}`))?.[1] ?? ''
    return Uint8Array.from(found.split(':'), (byte) => Number.parseInt(byte, 16))
  }

  close(): void {
    this.other.kill('SIGKILL')
  }
}

export function run(command: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['sh', '-c', command])
  if (exitCode !== 0) throw new Error(`${command}: ${stderr}`)
  return stdout.toString()
}

/** Whole frames, to the tracker's card and from it, as far as they concern RAW_PORTS. */
export class RawLink {
  private readonly card: XdpCard
  private readonly queue: XdpQueue
  private readonly macs: readonly [Uint8Array, Uint8Array]

  constructor(mac: Uint8Array) {
    const card = cardOf(OWN_CARD)
    if (card?.mac == null) throw new Error('the cable is gone')
    this.macs = [mac, card.mac]
    this.card = new XdpCard({ card, queues: 1, mode: 'native', ports: [RAW_PORTS], frames: 512 })
    this.card.attachSoon()
    this.card.setDestinations(
      Object.values(HERE).map((host) => ({
        address: [...addressBytes(host)],
        firstPort: RAW_PORTS.from,
      })),
    )
    this.queue = new XdpQueue(this.card.queues[0], 256)
  }

  /** Sends a packet from a port of RAW_PORTS, of which any part may be changed; returns the frame. */
  send(fields: FrameFields, change?: (frame: Buffer) => Buffer): Buffer {
    const good = buildFrame({ macs: this.macs, ...fields })
    const frame = change?.(good) ?? good
    this.sendFrame(frame)
    this.queue.flush()
    return frame
  }

  /** Without a flush, as far as there are free frames. */
  sendFrame(frame: Buffer): boolean {
    const chunk = this.queue.takeFrame()
    if (chunk < 0) return false
    Buffer.from(this.queue.words.buffer).set(frame, chunk)
    this.queue.send(chunk, frame.length)
    return true
  }

  flush(): void {
    this.queue.flush()
  }

  /** All frames that have come. */
  take(): Buffer[] {
    const frames: Buffer[] = []
    for (let count = this.queue.receive(256); count > 0; count = this.queue.receive(256)) {
      for (let i = 0; i < count; i++) {
        const at = this.queue.addresses[i]
        frames.push(Buffer.from(Buffer.from(this.queue.words.buffer, at, this.queue.lengths[i])))
      }
      this.queue.recycle()
    }
    return frames
  }

  /** The first frame that comes to `port`, with all its lengths and checksums verified. */
  async answer(port: number, fromKernel = false): Promise<ReadFrame> {
    let found: ReadFrame | undefined
    await waitUntil(`an answer to port ${port}`, () => {
      found ??= this.take()
        .map((frame) => readFrame(frame, fromKernel))
        .find(({ to }) => to.port === port)
      return found !== undefined
    })
    return found as ReadFrame
  }

  close(): void {
    this.card.close()
  }
}
