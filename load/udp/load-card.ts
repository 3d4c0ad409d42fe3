// The network card that requests leave by with packet_path = 'xdp'. Called by main.ts, once the sockets are open: they hold the
// ports, and one of them asks the tracker for the answer by whose frame the way to it is known, whatever routers are between.
// Owns the card. Every failure ends in one clear line.
import { addressText } from '../../src/config/address.ts'
import { StartError } from '../../src/config/cli.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { addressOf, libc, nativeWords } from '../../src/os/ffi.ts'
import { MSG_DONTWAIT } from '../../src/os/kernel.ts'
import { cardOf, queueCount } from '../../src/os/network-card.ts'
import { waitMilliseconds } from '../../src/os/poll.ts'
import {
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
  REQUEST_TRANSACTION,
} from '../../src/udp/wire/layout.ts'
import { XdpCard } from '../../src/xdp/card.ts'
import { FRAME_IPV4, FRAME_IPV6, FrameReader } from '../../src/xdp/frame.ts'
import { localAddresses } from '../../src/xdp/local-addresses.ts'
import { type QueueData, XdpQueue } from '../../src/xdp/queue.ts'
import { refusalText } from '../../src/xdp/refusal.ts'
import { serverOf } from '../settings.ts'
import type { LoadConfig } from './config.ts'
import { TEMPLATE_IP, TEMPLATE_WORDS } from './frame-train.ts'
import type { LoadSockets } from './sockets.ts'

/** Requests and answers that can be on their way: one worker serves the whole card. */
const FRAMES = 4096
/**
 * The same for a closed loop whose window is not larger. All frames take turns, and fewer stay in a core's cache: a
 * response's way into a frame costs the tracker's core too, 0.05 µs less of it on virtual devices.
 */
const FRAMES_CLOSED = 1024
const ASK_AGAIN_MS = 50
const TRANSACTION = 0x41510002
const BATCH = 64

/** What the worker is told. */
export interface CardStart {
  readonly queues: readonly QueueData[]
  readonly ipv4: boolean
  readonly ports: readonly number[]
  /** Of each port (frame-train.ts). */
  readonly templates: readonly Int32Array[]
}

export class LoadCard {
  readonly start: CardStart
  private readonly card: XdpCard

  private constructor(card: XdpCard, start: CardStart) {
    this.card = card
    this.start = start
  }

  /** Throws StartError. */
  static open(config: LoadConfig, sockets: LoadSockets): LoadCard {
    const name = cardNameOf(config, sockets)
    const card = openCard(name, config, sockets)
    try {
      const ipv4 = serverOf(config).family === 4
      const frame = firstFrame(card, sockets.fds[0], config)
      const templates = sockets.ports.map((port, i) => template(frame, sockets, i, port, ipv4))
      const queues = card.queues.map((queue) => ({ ...queue, isFilled: true }))
      return new LoadCard(card, { queues, ipv4, ports: sockets.ports, templates })
    } catch (error) {
      card.close()
      throw error
    }
  }

  /** Answers that found no room; a count that wraps. */
  drops(): number {
    return this.card
      .losses()
      .reduce((sum, { ringFull, fillEmpty, dropped }) => sum + ringFull + fillEmpty + dropped, 0)
  }

  close(): void {
    this.card.close()
  }
}

function ownAddress({ addresses }: LoadSockets, i: number, ipv4: boolean): number[] {
  return [...new Uint8Array(addresses.buffer, i * 16, ipv4 ? 4 : 16)]
}

/** The card that has the addresses of all sockets. */
function cardNameOf(config: LoadConfig, sockets: LoadSockets): string {
  const ipv4 = serverOf(config).family === 4
  const local = localAddresses().filter(({ isLoopback }) => !isLoopback)
  const names = sockets.fds.map((_, i) => {
    const address = ownAddress(sockets, i, ipv4).join()
    return local.find(({ bytes }) => bytes.join() === address)?.card ?? ''
  })
  const server = addressText(serverOf(config))
  if (names.includes('')) {
    throw new StartError(`${refused()} no network card leads to ${server}: it is on this machine`)
  }
  const other = names.find((name) => name !== names[0])
  if (other === undefined) return names[0]
  throw new StartError(
    `${refused()} [network] client_addresses are on two cards, ${names[0]} and ${other}`,
  )
}

function framesFor({ mode, closed_loop }: LoadConfig): number {
  return mode === 'closed' && closed_loop.in_flight <= FRAMES_CLOSED ? FRAMES_CLOSED : FRAMES
}

function openCard(name: string, config: LoadConfig, sockets: LoadSockets): XdpCard {
  const card = cardOf(name)
  if (card === null || card.mac === null) {
    throw new StartError(`${refused()} ${name} is no Ethernet card`)
  }
  const ipv4 = serverOf(config).family === 4
  let xdp: XdpCard | null = null
  try {
    xdp = new XdpCard({
      card,
      queues: queueCount(name),
      mode: config.network.xdp_mode,
      ports: [...sockets.ports].sort((a, b) => a - b).map((port) => ({ from: port, to: port })),
      frames: framesFor(config),
    })
    xdp.setDestinations(
      sockets.ports.map((port, i) => ({
        address: ownAddress(sockets, i, ipv4),
        firstPort: port,
      })),
    )
    xdp.attachSoon()
    return xdp
  } catch (error) {
    xdp?.close()
    throw new StartError(`${refused()} ${refusalText(error, name)}`)
  }
}

/** The Ethernet and IP headers of an answer to a connect request, which leaves by the socket. */
function firstFrame(card: XdpCard, fd: number, config: LoadConfig): Int32Array {
  const queues = card.queues.map((queue) => new XdpQueue(queue, BATCH))
  const reader = new FrameReader()
  const endMs = nowMilliseconds() + config.tracker.start_timeout * 1000
  while (nowMilliseconds() < endMs) {
    askOnce(fd)
    waitMilliseconds(ASK_AGAIN_MS)
    for (const queue of queues) {
      const count = queue.receive(BATCH)
      for (let i = 0; i < count; i++) {
        const kind = reader.read(queue.words, queue.addresses[i], queue.lengths[i])
        if (kind !== FRAME_IPV4 && kind !== FRAME_IPV6) continue
        const from = reader.ip - TEMPLATE_IP
        const frame = queue.words.slice(from, from + TEMPLATE_WORDS)
        queue.recycle()
        return frame
      }
      if (count > 0) queue.recycle()
    }
  }
  throw new StartError(
    `${refused()} no answer came by the card within ${config.tracker.start_timeout} s ([tracker] start_timeout)`,
  )
}

function askOnce(fd: number): void {
  const request = nativeWords(REQUEST_BYTES_MIN / 4)
  request[REQUEST_ID] = PROTOCOL_ID_0
  request[REQUEST_ID + 1] = PROTOCOL_ID_1
  request[REQUEST_TRANSACTION] = TRANSACTION
  libc.send(fd, addressOf(request) as never, REQUEST_BYTES_MIN as never, MSG_DONTWAIT)
}

/** The frame as if it had come to socket `i`. */
function template(
  frame: Int32Array,
  { addresses }: LoadSockets,
  i: number,
  port: number,
  ipv4: boolean,
): Int32Array {
  const words = frame.slice()
  const destination = TEMPLATE_IP + (ipv4 ? 4 : 6)
  const count = ipv4 ? 1 : 4
  for (let word = 0; word < count; word++) words[destination + word] = addresses[i * 4 + word]
  const ports = TEMPLATE_IP + (ipv4 ? 5 : 10)
  words[ports] = (words[ports] & 0xffff) | (((port & 0xff) << 24) | ((port >>> 8) << 16))
  return words
}

function refused(): string {
  return "[network] packet_path = 'xdp':"
}
