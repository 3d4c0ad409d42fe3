// A headless Chromium, driven by its debugging protocol. Used by tests of pages. Every error that a
// page reports or that the browser finds is kept: `errors`.
import { newFolder, removeFolder } from '../support/folder.ts'
import { waitFor } from '../support/wait.ts'

const START_MS = 120_000
const CALL_MS = 120_000

interface Message {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** Opens a browser with one page, has it used, and ends it. */
export async function withChromium<T>(use: (page: Page) => Promise<T>): Promise<T> {
  const folder = newFolder()
  const command = ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run']
  const child = Bun.spawn(
    [
      ...command,
      '--disable-dev-shm-usage',
      '--remote-debugging-port=0',
      `--user-data-dir=${folder}`,
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
  )
  try {
    const url = await waitFor(debuggerUrl(child.stderr), START_MS)
    if (url === undefined) throw new Error('Chromium does not start')
    return await use(await Page.open(url))
  } finally {
    child.kill('SIGKILL')
    await child.exited
    removeFolder(folder)
  }
}

async function debuggerUrl(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stderr) {
    text += decoder.decode(chunk, { stream: true })
    const [, url] = text.match(/DevTools listening on (ws:\S+)/) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`Chromium ended:\n${text}`)
}

export class Page {
  /** What the console, the page's scripts and the network reported as wrong. */
  readonly errors: string[] = []
  /** The URLs of all that it has asked for. */
  readonly requested: string[] = []
  private readonly socket: WebSocket
  private readonly waiting = new Map<number, (message: Message) => void>()
  private session = ''
  private calls = 0
  private loaded: () => void = () => {}

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.onmessage = (event) => this.take(JSON.parse(String(event.data)))
  }

  static async open(url: string): Promise<Page> {
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = reject
    })
    const page = new Page(socket)
    const { targetId } = await page.call('Target.createTarget', { url: 'about:blank' })
    const attached = await page.call('Target.attachToTarget', { targetId, flatten: true })
    page.session = String(attached.sessionId)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.call(`${domain}.enable`)
    return page
  }

  async goTo(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.loaded = resolve
    })
    await this.call('Page.navigate', { url })
    await waitFor(loaded, CALL_MS)
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, returnByValue: true, awaitPromise: true, userGesture: true }
    const { result } = await this.call('Runtime.evaluate', options)
    return (result as { value: T }).value
  }

  async look(width: number, height: number, scheme: 'light' | 'dark'): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: false }
    await this.call('Emulation.setDeviceMetricsOverride', size)
    const features = [{ name: 'prefers-color-scheme', value: scheme }]
    await this.call('Emulation.setEmulatedMedia', { features })
  }

  /** A PNG of what lies within this height from the top, at the width of `look`. */
  async picture(width: number, height: number): Promise<Uint8Array> {
    const clip = { x: 0, y: 0, width, height, scale: 1 }
    const options = { format: 'png', clip, captureBeyondViewport: true }
    const { data } = await this.call('Page.captureScreenshot', options)
    return Buffer.from(String(data), 'base64')
  }

  /** Moves the mouse from one place to the next; with `pressed`, holding its button between first and last. */
  async mouse(
    places: readonly (readonly [x: number, y: number])[],
    pressed: boolean,
    clickCount = 1,
  ): Promise<void> {
    const event = (type: string, [x, y]: readonly [number, number], held: boolean) => {
      const button = held ? { button: 'left', clickCount } : {}
      return this.call('Input.dispatchMouseEvent', { type, x, y, ...button })
    }
    await event('mouseMoved', places[0], false)
    if (pressed) await event('mousePressed', places[0], true)
    for (const place of places.slice(1)) await event('mouseMoved', place, pressed)
    if (pressed) await event('mouseReleased', places[places.length - 1], true)
  }

  private async call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.calls
    const session = this.session === '' ? {} : { sessionId: this.session }
    const answer = new Promise<Message>((resolve) => this.waiting.set(id, resolve))
    this.socket.send(JSON.stringify({ id, method, params, ...session }))
    const message = await waitFor(answer, CALL_MS)
    if (message === undefined) throw new Error(`${method}: no answer`)
    if (message.error !== undefined) throw new Error(`${method}: ${message.error.message}`)
    return message.result as Record<string, unknown>
  }

  private take(message: Message): void {
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.(message)
      this.waiting.delete(message.id)
      return
    }
    if (message.method === 'Page.loadEventFired') this.loaded()
    const text = JSON.stringify(message.params)
    if (message.method === 'Network.requestWillBeSent') {
      this.requested.push((message.params as { request: { url: string } }).request.url)
    }
    if (message.method === 'Log.entryAdded' && !text.includes('"level":"info"')) {
      this.errors.push(text)
    }
    if (message.method === 'Runtime.exceptionThrown') this.errors.push(text)
    if (message.method === 'Runtime.consoleAPICalled') this.errors.push(text)
    if (message.method === 'Network.loadingFailed') this.errors.push(text)
  }
}
