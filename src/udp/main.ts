// The UDP tracker's life: reserve memory, open sockets, start workers, give up rights, watch, stop.
// Called by bin/aquatic_udp.ts with valid settings. Runs in the main thread, which serves no packets:
// it owns the shared memory, hands it to the workers, and ends the process when one of them dies.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { addressText } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { prepareRunning, writeStderr } from '../config/output.ts'
import { logFor, setLogLevel } from '../log/log.ts'
import { counterSlots } from '../metrics/counters.ts'
import { SystemError } from '../os/error.ts'
import { dropPrivileges, type Identity, isRoot, lookUpIdentity } from '../os/privileges.ts'
import { ResidentCode } from '../os/resident-code.ts'
import { createSwarmMemory, reserveBytes, type SwarmBuffers } from '../swarm/memory.ts'
import type { UdpConfig } from './config.ts'
import { SECRET_BYTES } from './connection-id.ts'
import { COUNTERS } from './counters.ts'
import { MAX_BATCH_PACKETS } from './layout.ts'
import { type Listening, openSockets } from './listen.ts'
import { type SocketWorkerData, STATE_STOP, STATE_WORDS } from './socket-worker.ts'
import { Watch } from './watch.ts'

/** A worker that does not stop within this time does not keep the process. */
const STOP_MILLISECONDS = 900

/** The start's own code is not needed again, nor the compiler's once the workers' loops are hot. */
const RELEASE_CODE_AFTER_MILLISECONDS = [0, 10_000, 60_000]

/** Set by tests only: the first worker throws once it has served a packet. */
const FAULT_VARIABLE = '_AQUATIC_TEST_FAULT'

const log = logFor('udp')

export async function runUdpTracker(config: UdpConfig, version: string, entry: URL): Promise<void> {
  setLogLevel(config.log_level)
  const workers = config.socket_workers === 0 ? availableParallelism() : config.socket_workers
  const identity = identityFor(config)
  const swarms = reserveSwarms(config, workers)
  const listening = openSockets(config, workers)
  for (const warning of listening.warnings) writeStderr(`aquatic_udp: warning: ${warning}\n`)
  const tracker = new Tracker(config, workers, swarms, listening, entry)
  prepareRunning()
  await tracker.start()
  const code = new ResidentCode()
  for (const delay of RELEASE_CODE_AFTER_MILLISECONDS) setTimeout(() => code.release(), delay)
  if (identity !== null) giveUpRights(config, identity)
  const addresses = listening.addresses.map(addressText).join(', ')
  const count = workers === 1 ? '1 socket worker' : `${workers} socket workers`
  writeStderr(`aquatic_udp ${version} listening on ${addresses} (${count})\n`)
}

function identityFor(config: UdpConfig): Identity | null {
  const { drop_privileges, user, group } = config.privileges
  if (!drop_privileges) return null
  const identity = lookUpIdentity(user, group)
  if (identity?.user === 0) {
    throw new StartError(`[privileges] user '${user}' is root itself: name one without its rights`)
  }
  if (identity !== null && !isRoot()) {
    throw new StartError(
      'cannot drop privileges ([privileges] drop_privileges = true): that needs a start as root (EPERM)',
    )
  }
  if (identity !== null) return identity
  const name = group === '' ? `user '${user}'` : `user '${user}' or group '${group}'`
  throw new StartError(`[privileges] ${name} does not exist on this machine`)
}

function giveUpRights(config: UdpConfig, identity: Identity): void {
  const { chroot_path, user } = config.privileges
  try {
    dropPrivileges(chroot_path, identity)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    throw new StartError(
      `cannot drop privileges ([privileges] chroot_path '${chroot_path}', user '${user}'): ` +
        `${error.message}. That needs a start as root.`,
    )
  }
}

function reserveSwarms(config: UdpConfig, workers: number): SwarmBuffers {
  const { max_torrents, max_peers } = config.limits
  const limits = { maxTorrents: max_torrents, maxPeers: max_peers, workers }
  const gib = (reserveBytes(limits) / 2 ** 30).toFixed(1)
  const names = `[limits] max_torrents = ${max_torrents} and max_peers = ${max_peers}`
  try {
    return createSwarmMemory(limits)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new StartError(
      `the system refuses to reserve ${gib} GiB of address space for ${names}: lower them, ` +
        'or allow more (ulimit -v, vm.overcommit_memory)',
    )
  }
}

class Tracker {
  private readonly config: UdpConfig
  private readonly listening: Listening
  private readonly swarms: SwarmBuffers
  private readonly entry: URL
  private readonly workerCount: number
  private readonly state = new SharedArrayBuffer(STATE_WORDS * 4)
  private readonly counters: SharedArrayBuffer
  private readonly secret = randomBytes(SECRET_BYTES)
  private readonly watch: Watch
  private running = 0
  private stopping = false

  constructor(
    config: UdpConfig,
    workerCount: number,
    swarms: SwarmBuffers,
    listening: Listening,
    entry: URL,
  ) {
    this.config = config
    this.workerCount = workerCount
    this.swarms = swarms
    this.listening = listening
    this.entry = entry
    this.counters = counterSlots(workerCount, COUNTERS.length)
    this.watch = new Watch(config, this.counters, swarms, log)
  }

  /** Returns once all workers serve. */
  async start(): Promise<void> {
    process.on('SIGTERM', () => this.stop())
    process.on('SIGINT', () => this.stop())
    const ready = Array.from({ length: this.workerCount }, (_, index) => this.startWorker(index))
    await Promise.all(ready)
    this.watch.start()
  }

  private startWorker(index: number): Promise<void> {
    const worker = new Worker(this.entry, { workerData: this.dataFor(index) })
    this.running++
    return new Promise((resolve) => {
      worker.once('message', () => resolve())
      worker.on('error', (error) => this.die(index, textOf(error)))
      worker.on('exit', (code) => this.workerEnded(index, code))
    })
  }

  private dataFor(index: number): SocketWorkerData {
    const { protocol, cleaning, network } = this.config
    return {
      role: 'socket',
      index,
      workers: this.workerCount,
      sockets: this.listening.sockets[index],
      batchPackets: Math.min(network.poll_event_capacity, MAX_BATCH_PACKETS),
      swarms: this.swarms,
      countDownloads: protocol.count_downloads,
      requests: {
        maxScrapeTorrents: protocol.max_scrape_torrents,
        maxResponsePeers: protocol.max_response_peers,
        announceInterval: protocol.peer_announce_interval,
        answerInvalidId: protocol.invalid_connection_id === 'error',
      },
      secret: this.secret,
      maxConnectionAge: cleaning.max_connection_age,
      cleaningInterval: cleaning.interval,
      maxPeerAge: cleaning.max_peer_age,
      counters: this.counters,
      state: this.state,
      fault: index === 0 && process.env[FAULT_VARIABLE] !== undefined,
    }
  }

  private workerEnded(index: number, code: number): void {
    this.running--
    if (!this.stopping) this.die(index, `it ended with code ${code}`)
    if (this.running === 0) process.exit(0)
  }

  /** A worker without which the tracker would only look alive. */
  private die(index: number, cause: string): void {
    writeStderr(`aquatic_udp: socket worker ${index + 1} failed, so the tracker ends: ${cause}\n`)
    process.exit(1)
  }

  private stop(): void {
    if (this.stopping) return
    this.stopping = true
    log.info('stopping')
    this.watch.stop()
    Atomics.store(new Int32Array(this.state), STATE_STOP, 1)
    setTimeout(() => process.exit(0), STOP_MILLISECONDS)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
