// What connections cost a tracker: memory of those that stay, and whether ones that come and go leave any. Used by
// http-connections.ts and ws-connections.ts, which know how to open one. Starts an executable of dist/, and ends it.
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { type Child, startChild } from '../../load/children.ts'
import { memoryOf } from '../../load/proc.ts'
import { newFolder } from './folder.ts'

/** Any free port: the start line says which. */
export const LISTEN_ADDRESS = '127.0.0.1:0'
const LISTENING = /listening on 127\.0\.0\.1:(\d+)/
const START_MS = 20_000
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
const OPEN_AT_ONCE = 100
const REPORT_SECONDS = 5
const SLICES_PER_SECOND = 20

type Open = (peer: number, port: number) => Promise<Socket>

interface Connections {
  readonly executable: string
  /** The tracker's, as TOML; it listens on LISTEN_ADDRESS. */
  readonly settings: string
  /** Kinds of connections that stay, and how one is opened. */
  readonly idle: readonly (readonly [kind: string, open: Open])[]
  /** Opens and closes one. */
  readonly churn: (peer: number, port: number) => Promise<void>
  /** Before the memory of idle ones is read. */
  readonly warmUp?: (port: number) => Promise<void>
  /** How the memory of an idle one is written. */
  readonly eachText: (bytes: number) => string
}

/** As the command line has it. */
interface Extent {
  readonly count: string
  readonly rate: string
  readonly seconds: string
  readonly smoke: boolean
}

export function localAddressOf(peer: number): string {
  return ADDRESSES[peer % ADDRESSES.length]
}

/** `part`: 'idle', 'churn', or both without one. */
export async function measureConnections(
  connections: Connections,
  part: string | undefined,
  { count, rate, seconds, smoke }: Extent,
): Promise<void> {
  const { executable } = connections
  const file = join(newFolder(), 'settings.toml')
  writeFileSync(file, connections.settings)
  const path = resolve(import.meta.dir, '../../dist', executable)
  const tracker = startChild(executable, [path, '-c', file])
  const settle = () => wait(smoke ? 100 : 3000)
  try {
    const port = await portOf(tracker)
    if (part !== 'churn') {
      await connections.warmUp?.(port)
      const kinds = connections.idle.map(
        ([kind, open]) => [kind, (peer: number) => open(peer, port)] as const,
      )
      await idle(tracker, { ...connections, idle: kinds }, smoke ? 20 : Number(count), settle)
    }
    if (part !== 'idle') {
      const [perSecond, forSeconds] = smoke ? [40, 1] : [Number(rate), Number(seconds)]
      const once = (peer: number) => connections.churn(peer, port)
      await churn(tracker, once, { perSecond, forSeconds, settle })
    }
  } finally {
    await tracker.stop()
  }
}

/** Once the start line says where it listens. */
async function portOf(tracker: Child): Promise<number> {
  const deadline = performance.now() + START_MS
  for (;;) {
    const port = LISTENING.exec(tracker.errors())?.[1]
    if (port !== undefined) return Number(port)
    if (!tracker.alive() || performance.now() > deadline) {
      throw new Error(`${tracker.name} did not start: ${tracker.errors()}`)
    }
    await wait(50)
  }
}

interface IdleKinds {
  readonly idle: readonly (readonly [kind: string, open: (peer: number) => Promise<Socket>])[]
  readonly eachText: (bytes: number) => string
}

async function idle(
  tracker: Child,
  { idle, eachText }: IdleKinds,
  count: number,
  settle: () => Promise<void>,
): Promise<void> {
  for (const [kind, open] of idle) {
    const before = residentKb(tracker)
    const sockets: Socket[] = []
    for (let first = 0; first < count; first += OPEN_AT_ONCE) {
      const opening = Array.from({ length: Math.min(OPEN_AT_ONCE, count - first) }, (_, i) =>
        open(first + i),
      )
      sockets.push(...(await Promise.all(opening)))
    }
    await settle()
    const after = residentKb(tracker)
    const each = eachText(((after - before) * 1024) / count)
    console.log(
      `${count} connections ${kind}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ${each} each`,
    )
    for (const socket of sockets) socket.destroy()
    await settle()
  }
}

interface ChurnExtent {
  readonly perSecond: number
  readonly forSeconds: number
  readonly settle: () => Promise<void>
}

async function churn(
  tracker: Child,
  once: (peer: number) => Promise<void>,
  { perSecond, forSeconds, settle }: ChurnExtent,
): Promise<void> {
  let opened = 0
  let failed = 0
  const start = performance.now()
  for (let slice = 0; slice < forSeconds * SLICES_PER_SECOND; slice++) {
    await wait(start + (slice * 1000) / SLICES_PER_SECOND - performance.now())
    for (let i = 0; i < perSecond / SLICES_PER_SECOND; i++) once(opened++).catch(() => failed++)
    if (slice % (SLICES_PER_SECOND * REPORT_SECONDS) === 0) {
      const memory = `${mebibytes(residentKb(tracker))} MiB`
      console.log(`${slice / SLICES_PER_SECOND} s: ${opened} opened, ${memory}`)
    }
  }
  const took = ((performance.now() - start) / 1000).toFixed(1)
  await settle()
  const memory = `${mebibytes(residentKb(tracker))} MiB`
  console.log(`end: ${opened} opened in ${took} s, ${failed} failed, ${memory}`)
}

function mebibytes(kb: number): string {
  return (kb / 1024).toFixed(1)
}

function residentKb(tracker: Child): number {
  return memoryOf(tracker.pid).rssKb
}

function wait(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, Math.max(0, ms)))
}
