import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { EXECUTABLE, listenOn } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const STOP_MS = 1000
const STATISTICS_MS = 1000

/** A named pipe of which the test holds both ends, so that it can be full without anybody waiting. */
class Pipe {
  readonly path: string
  private readonly file: number

  constructor(folder: string) {
    this.path = join(folder, 'errors')
    spawnSync('mkfifo', [this.path])
    this.file = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK)
  }

  fill(): void {
    const block = Buffer.alloc(4096, '.')
    for (let more = true; more; ) {
      try {
        writeSync(this.file, block)
      } catch {
        more = false
      }
    }
  }

  drain(): string {
    const block = Buffer.alloc(1 << 20)
    let text = ''
    for (;;) {
      try {
        const bytes = readSync(this.file, block)
        text += block.toString('utf8', 0, bytes)
      } catch {
        return text
      }
    }
  }

  close(): void {
    closeSync(this.file)
  }
}

function isPast(milliseconds: number): () => boolean {
  const end = performance.now() + milliseconds
  return () => performance.now() > end
}

test('a reader of its lines that stalls delays no stop, and learns of what it missed', async () => {
  const folder = newFolder()
  const pipe = new Pipe(folder)
  const settings = join(folder, 'settings.toml')
  writeFileSync(settings, `${listenOn('127.0.0.1:0')}[statistics]\ninterval = 1\n`)
  checkBuilt(EXECUTABLE)
  const command = ['sh', '-c', 'exec "$0" -c "$1" 2>"$2"', EXECUTABLE, settings, pipe.path]
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore' })
  try {
    let seen = ''
    const sees = (pattern: RegExp) => () => {
      seen += pipe.drain()
      return pattern.test(seen)
    }
    await waitUntil('the start line', sees(/listening on /))
    pipe.fill()
    await waitUntil('lines were due, and there was no room for them', isPast(2.5 * STATISTICS_MS))
    await waitUntil(
      'the line that tells of lost ones',
      sees(/\((1 line|\d lines) lost: the reader was too slow\)\nstatistics of /),
    )
    pipe.fill()
    await waitUntil('a line was due again', isPast(1.5 * STATISTICS_MS))
    const sentAt = performance.now()
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    expect(performance.now() - sentAt).toBeLessThan(STOP_MS)
  } finally {
    child.kill('SIGKILL')
    pipe.close()
    removeFolder(folder)
  }
})
