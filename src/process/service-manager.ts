// Tells the service manager that started the tracker (systemd with Type=notify) its state: ready,
// reloading, stopping, and at intervals that it is alive, when the unit has WatchdogSec. Used by each
// protocol's main. The protocol is that of sd_notify(3): short texts to the socket that the
// environment names. Without one, as outside of systemd, nothing happens. Owns a socket and a timer.
//
// It is alive as long as this thread's event loop turns and every worker beats: a worker that hangs
// makes the keep-alive stop, and the service manager ends and restarts the tracker.
import { writeStderr } from '../config/output.ts'
import type { Log } from '../log/log.ts'
import { nowMilliseconds } from '../os/clock.ts'
import { SystemError } from '../os/error.ts'
import { NotifySocket } from '../os/notify-socket.ts'
import type { Workers } from './workers.ts'

type Environment = Readonly<Record<string, string | undefined>>

export class ServiceManager {
  private readonly workers: Workers
  private readonly log: Log
  private readonly socket: NotifySocket | null
  private readonly watchdogMs: number
  private status = ''
  private timer: ReturnType<typeof setInterval> | undefined

  /** Create it before a chroot: the socket's path leads nowhere afterwards. */
  constructor(program: string, workers: Workers, log: Log, environment: Environment = process.env) {
    this.workers = workers
    this.log = log
    this.socket = openSocket(program, environment.NOTIFY_SOCKET)
    this.watchdogMs = watchdogMilliseconds(environment)
    workers.onStop(() => this.stopping())
  }

  /** The tracker serves. `status` is what «systemctl status» shows. */
  ready(status: string): void {
    if (this.socket === null) return
    this.status = status
    this.send(`READY=1\nSTATUS=${status}`)
    if (this.watchdogMs === 0) return
    // Half the time, as sd_watchdog_enabled(3) asks for: one late keep-alive does no harm.
    this.timer = setInterval(() => this.keepAlive(), this.watchdogMs / 2)
  }

  /** What «systemctl status» shows while there is trouble; '' when it is over. */
  trouble(text: string): void {
    if (this.status === '') return
    this.send(`STATUS=${text === '' ? this.status : text}`)
  }

  /** Does `work`, which puts new settings in force; the manager shows that it is under way. */
  reload(work: () => void): void {
    // The time tells the manager whether this answers its own signal or an earlier one.
    const microseconds = Math.floor(nowMilliseconds() * 1000)
    this.send(`RELOADING=1\nMONOTONIC_USEC=${microseconds}`)
    work()
    this.send('READY=1')
  }

  private stopping(): void {
    clearInterval(this.timer)
    this.send('STOPPING=1')
  }

  private keepAlive(): void {
    const stalled = this.workers.stalled()
    if (stalled.length === 0) this.send('WATCHDOG=1')
    else this.log.error(`no keep-alive for the watchdog: no progress in ${stalled.join(', ')}`)
  }

  private send(text: string): void {
    if (this.socket === null || this.socket.send(text)) return
    this.log.warn(`the service manager did not take «${text.split('\n')[0]}»`)
  }
}

function openSocket(program: string, address: string | undefined): NotifySocket | null {
  if (address === undefined || address === '') return null
  try {
    return new NotifySocket(address)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    writeStderr(
      `${program}: warning: the service manager's socket NOTIFY_SOCKET='${address}' cannot be used, ` +
        `so it will not learn of the start: ${error.message}\n`,
    )
    return null
  }
}

/** The unit's WatchdogSec; 0 without one, or when it is meant for another process. */
function watchdogMilliseconds({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return 0
  const microseconds = Number(WATCHDOG_USEC ?? 0)
  return Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 1000 : 0
}
