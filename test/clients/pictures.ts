// Makes the pictures of both pages in docs/pictures/ from a tracker that serves load testers for a minute. Run by hand:
// bun test/clients/pictures.ts. It needs Chromium. Only the past is made up: a week of history, in the file that a
// tracker continues. Owns the processes that it starts.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { type Page, withChromium } from './chromium.ts'
import { weekOfHistory } from './week-of-history.ts'

const ROOT = join(import.meta.dir, '../..')
const PICTURES = join(ROOT, 'docs/pictures')
const LOAD_MS = Number(process.env.PICTURE_SECONDS ?? 75) * 1000
const WIDTH = 1200
const MAX_BYTES = 150_000

const SETTINGS = (folder: string) => `
[udp.network]
address = '127.0.0.1:0'
[http.network]
address = '127.0.0.1:0'
[ws.network]
address = '127.0.0.1:0'
[statistics]
history_path = '${join(folder, 'history')}'
[operations]
address = '127.0.0.1:0'
[public_page]
address = '127.0.0.1:0'
announce_urls = ['udp://tracker.example.com:3000/announce', 'https://tracker.example.com/announce', 'wss://tracker.example.com/announce']
[limits]
max_torrents = 100000
max_peers = 1000000
[http.limits]
max_connections = 400
[ws.limits]
max_connections = 400
[source_limits]
requests_per_second = 0
[peer_addresses]
private_peers = 'store'
reserved_peers = 'store'
`

const LOADS = (udp: string, http: string, ws: string) => ({
  udp: `server_address = '${udp}'\nmode = 'open'\n[requests]\nnumber_of_torrents = 30000\nnumber_of_peers = 60000\n[open_loop]\nrate = 2400\n[checks]\nfresh_tracker = false\n`,
  http: `server_address = '${http}'\nmode = 'open'\n[requests]\nnumber_of_torrents = 30000\nnumber_of_peers = 20000\n[open_loop]\nrate = 600\n[checks]\nfresh_tracker = false\n`,
  ws: `server_address = '${ws}'\nmode = 'open'\n[network]\nconnections = 40\n[open_loop]\nrate = 100\n[checks]\nfresh_tracker = false\n`,
})

class Child {
  stderr = ''
  private readonly child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>

  constructor(program: string, ...flags: string[]) {
    const command = [process.execPath, join(ROOT, 'bin', `${program}.ts`), ...flags]
    this.child = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
    void this.collect()
  }

  async found(pattern: RegExp): Promise<string> {
    await waitUntil(`${pattern} in:\n${this.stderr}`, () => pattern.test(this.stderr))
    return pattern.exec(this.stderr)?.[1] ?? ''
  }

  async end(): Promise<void> {
    this.child.kill()
    await this.child.exited
  }

  private async collect(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.child.stderr) this.stderr += decoder.decode(chunk)
  }
}

async function shoot(page: Page, url: string, name: string, heightMax: number): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.look(WIDTH, 900, scheme)
    await page.goTo(url)
    const whole = await page.evaluate<number>('document.documentElement.scrollHeight')
    const bytes = await page.picture(WIDTH, Math.min(whole, heightMax))
    if (bytes.length > MAX_BYTES) throw new Error(`${name}: ${bytes.length} bytes`)
    const file = join(PICTURES, `${name}${scheme === 'dark' ? '-dark' : ''}.png`)
    writeFileSync(file, bytes)
    console.log(`${file}: ${bytes.length} bytes`)
  }
}

await inFolder(async (folder) => {
  mkdirSync(PICTURES, { recursive: true })
  writeFileSync(join(folder, 'history'), weekOfHistory())
  writeFileSync(join(folder, 'tracker.toml'), SETTINGS(folder))
  const children = [new Child('aquatic', '-c', join(folder, 'tracker.toml'))]
  try {
    const [tracker] = children
    const page = await tracker.found(/public page at (\S+)\n/)
    const operations = await tracker.found(/operations at (\S+)\n/)
    const places = [/UDP: (\S+)/, /HTTP: (\S+)/, /WebTorrent: (\S+)/].map((at) => tracker.found(at))
    const [udp, http, ws] = await Promise.all(places)
    for (const [name, settings] of Object.entries(LOADS(udp, http, ws))) {
      const file = join(folder, `${name}.toml`)
      writeFileSync(file, `duration = ${Math.ceil(LOAD_MS / 1000) + 30}\n${settings}`)
      children.push(new Child(`aquatic_${name}_load_test`, '-c', file))
    }
    const end = performance.now() + LOAD_MS
    await waitUntil('the load has lasted', () => performance.now() > end, LOAD_MS + 1000)
    await withChromium(async (browser) => {
      await shoot(browser, page, 'public-page', 1150)
      await shoot(browser, operations, 'operators-page', 850)
    })
  } finally {
    for (const child of children.reverse()) {
      await child.end()
      if (process.env.DEBUG) console.error(child.stderr.slice(-1500))
    }
  }
})
