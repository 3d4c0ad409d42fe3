// A network between two ends of TCP connections on this machine that a test can cut, stop or make slow.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Relay {
  /** Of what comes now, in each direction. Order is kept. */
  delayMs = 0
  private readonly server: Server
  private readonly target: number
  private readonly sockets = new Set<Socket>()
  private isDown = false
  private isStopped = false

  static open(target: number): Promise<Relay> {
    return new Promise((resolve) => {
      const relay = new Relay(target, () => resolve(relay))
    })
  }

  private constructor(target: number, ready: () => void) {
    this.target = target
    this.server = createServer((near) => this.serve(near)).listen(0, '127.0.0.1', ready)
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
      let lastAt = 0
      from.on('data', (bytes) => {
        lastAt = Math.max(lastAt, performance.now() + this.delayMs)
        const wait = lastAt - performance.now()
        if (wait <= 0) to.write(bytes)
        else setTimeout(() => to.write(bytes), wait)
      })
      from.on('error', () => {})
      from.on('close', () => {
        this.sockets.delete(from)
        to.destroy()
      })
    }
  }
}
