// A network between two ends of TCP connections on this machine that a test can cut, stop or make slow.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Relay {
  /** Of what comes now, in each direction. Order is kept. */
  delayMs = 0
  private readonly server: Server
  private readonly target: number
  private readonly sockets = new Set<Socket>()
  private isDown = false
  private isStopped = false

  /** Opens one for each port of this machine, and closes them afterwards. */
  static async to<T>(targets: readonly number[], use: (...relays: Relay[]) => Promise<T>) {
    return closing(
      targets.map((port) => new Relay(port)),
      use,
    )
  }

  constructor(target: number) {
    this.target = target
    this.server = createServer((near) => this.serve(near)).listen(0, '127.0.0.1')
  }

  async listening(): Promise<void> {
    if (!this.server.listening) await once(this.server, 'listening')
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections end, and new ones do at once. */
  down(): void {
    this.isDown = true
    this.cut()
  }

  up(): void {
    this.isDown = false
  }

  /** Connections end; new ones are served. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Nothing goes through, and nobody is told, as when a cable is pulled. */
  stop(): void {
    this.isStopped = true
    for (const socket of this.sockets) socket.pause()
  }

  resume(): void {
    this.isStopped = false
    for (const socket of this.sockets) socket.resume()
  }

  close(): void {
    this.cut()
    this.server.close()
  }

  private serve(near: Socket): void {
    if (this.isDown) {
      near.destroy()
      return
    }
    const far = connect(this.target, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      this.sockets.add(from)
      if (this.isStopped) from.pause()
      from.setNoDelay(true)
      this.carry(from, to, from === near)
      from.on('error', () => {})
      from.on('close', () => {
        this.sockets.delete(from)
        to.destroy()
      })
    }
  }

  /** One direction of a connection. */
  protected carry(from: Socket, to: Socket, _isToTarget: boolean): void {
    let lastAt = 0
    from.on('data', (bytes) => {
      lastAt = Math.max(lastAt, performance.now() + this.delayMs)
      const wait = lastAt - performance.now()
      if (wait <= 0) to.write(bytes)
      else setTimeout(() => to.write(bytes), wait)
    })
  }
}

/** Has relays used when they listen, and closes them. */
export async function closing<R extends Relay, T>(
  relays: readonly R[],
  use: (...relays: R[]) => Promise<T>,
): Promise<T> {
  try {
    await Promise.all(relays.map((relay) => relay.listening()))
    return await use(...relays)
  } finally {
    for (const relay of relays) relay.close()
  }
}
