// Starts a tracker for a test: `aquatic --test` as a child process, spoken to in lines of JSON. For Node.js 20, Bun and Deno,
// without dependencies. The package's users import it as 'aquatic/testing'; docs/testing-a-client.md describes it.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const LAUNCHER = fileURLToPath(new URL('../scripts/launch-aquatic.sh', import.meta.url))
const START_MS = 30_000
const STOP_MS = 5000
/** Of what the tracker writes, the last so many characters are kept. */
const LOG_CHARACTERS_MAX = 65_536
const ALIVE_MS = 60_000
const SCHEMES = ['udp', 'http', 'https', 'ws', 'wss']

/** Resolves once the tracker answers. Without any of udp, http, https, ws, wss, all of them are served. */
export async function startTracker(options = {}) {
  const { settings = {}, executable, startTimeoutMs = START_MS, ...schemes } = options
  const strange = Object.keys(schemes).find((key) => !SCHEMES.includes(key))
  if (strange !== undefined) throw new TypeError(`startTracker has no option «${strange}»`)
  const named = SCHEMES.filter((scheme) => schemes[scheme] === true)
  const wanted = named.length === 0 ? SCHEMES : named
  const env = { ...process.env, ...enabled(wanted), ...variablesOf(settings) }
  // Where this runs on Bun, the tracker does too.
  if (process.versions.bun !== undefined) env.BUN_EXECUTABLE ??= process.execPath
  const [command, ...args] = executable === undefined ? ['sh', LAUNCHER] : [executable]
  const child = spawn(command, [...args, '--test'], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  const lines = new Lines(child)
  const first = await lines.first(startTimeoutMs)
  return new Tracker(lines, first, wanted)
}

function enabled(schemes) {
  const has = (...names) => String(names.some((name) => schemes.includes(name)))
  return {
    AQUATIC_UDP_ENABLED: has('udp'),
    AQUATIC_HTTP_ENABLED: has('http', 'https'),
    AQUATIC_WS_ENABLED: has('ws', 'wss'),
  }
}

/** { udp: { protocol: { peer_announce_interval: 60 } } }, or with the path as key, as environment variables. */
function variablesOf(settings, prefix = 'AQUATIC') {
  const variables = {}
  for (const [key, value] of Object.entries(settings)) {
    const name = `${prefix}_${key.replaceAll('.', '_').toUpperCase()}`
    const isSection = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (isSection) Object.assign(variables, variablesOf(value, name))
    else variables[name] = [value].flat().join(',')
  }
  return variables
}

class Tracker {
  #lines

  constructor(lines, { version, pid, certificate, ipv6, ...urls }, wanted) {
    this.#lines = lines
    this.version = version
    this.pid = pid
    this.certificate = certificate
    const only = (all) =>
      Object.fromEntries(SCHEMES.map((each) => [each, wanted.includes(each) ? all[each] : null]))
    Object.assign(this, only(urls))
    this.ipv6 = ipv6 === null ? null : only(ipv6)
  }

  get log() {
    return this.#lines.log
  }

  counters() {
    return this.#lines.ask({ command: 'counters' })
  }

  peers(infoHash) {
    const text = typeof infoHash === 'string' ? infoHash : Buffer.from(infoHash).toString('hex')
    return this.#lines.ask({ command: 'peers', info_hash: text })
  }

  async advanceClock(seconds) {
    await this.#lines.ask({ command: 'advance', seconds })
  }

  async faults(faults) {
    await this.#lines.ask({ command: 'faults', faults })
  }

  stop() {
    return this.#lines.stop()
  }

  [Symbol.asyncDispose]() {
    return this.stop()
  }
}

/** The conversation with the child. While nothing is asked it does not keep this process alive. */
class Lines {
  log = ''
  #child
  #rest = ''
  #alive
  #waiting = []
  #ended
  #failure = null

  constructor(child) {
    this.#child = child
    child.stdin.on('error', () => {})
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text) => {
      this.log = (this.log + text).slice(-LOG_CHARACTERS_MAX)
    })
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop()
      for (const line of lines) this.#heard(line)
    })
    this.#ended = new Promise((resolve) => {
      // 'close' comes once all that it wrote has been read.
      child.on('close', (code, signal) => resolve(signal ?? code))
      child.on('error', (error) => {
        this.log += `${error.message}\n`
        resolve('error')
      })
    })
    void this.#ended.then((how) => this.#fail(`ended (${how})`))
    // A test that forgets to stop its tracker ends all the same, and the tracker with it.
    for (const each of [child, child.stdin, child.stdout, child.stderr]) each.unref?.()
  }

  async first(milliseconds) {
    const timer = setTimeout(() => {
      this.#fail(`did not start within ${milliseconds} ms`)
      this.#child.kill('SIGKILL')
    }, milliseconds)
    try {
      return await this.#next()
    } finally {
      clearTimeout(timer)
    }
  }

  async ask(command) {
    if (this.#failure !== null) throw this.#failure
    const answer = this.#next()
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
    const { result, error } = await answer
    if (error !== undefined) throw new TypeError(`aquatic --test: ${error}`)
    return result
  }

  async stop() {
    this.#keepAlive(true)
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    const how = await this.#ended
    clearTimeout(timer)
    if (how !== 0) throw this.#failure
  }

  #next() {
    if (this.#waiting.length === 0) this.#keepAlive(true)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #heard(line) {
    const asked = this.#waiting.shift()
    if (this.#waiting.length === 0) this.#keepAlive(false)
    asked?.resolve(JSON.parse(line))
  }

  #fail(how) {
    this.#failure ??= new Error(`aquatic --test ${how}:\n${this.log}`)
    this.#keepAlive(false)
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }

  /** By a timer: streams of a child cannot be held again in every runtime. */
  #keepAlive(yes) {
    clearInterval(this.#alive)
    if (yes) this.#alive = setInterval(() => {}, ALIVE_MS)
  }
}
