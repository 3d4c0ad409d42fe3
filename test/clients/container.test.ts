// The container image without a container engine: what the Containerfile copies is copied, what it runs
// is run, and the tracker starts in the result, with that as its root directory, read-only, as the
// image's user.
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(300_000)

const ROOT = join(import.meta.dir, '../..')
const CONTAINERFILE = readFileSync(join(ROOT, 'packaging/container/Containerfile'), 'utf8')
/** Of the image: the executable, and a little for glibc. */
const IMAGE_BYTES_MAX = 125 * 2 ** 20
const isRoot = readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')
const needsRoot = isRoot ? '' : ' (skipped: this needs root outside of user namespaces)'

/** The arguments of an instruction, for each time it occurs. */
function instructions(name: string): string[] {
  const found = [...CONTAINERFILE.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))]
  return found.map((match) => match[1])
}

function commandOf(name: string): string[] {
  const [text] = instructions(name)
  return JSON.parse(text.slice(text.indexOf('[')))
}

const folder = folderOfFile()
let context = ''
beforeAll(() => {
  context = join(folder, 'build')
  mkdirSync(context)
  for (const copy of instructions('COPY').filter((text) => !text.startsWith('--'))) {
    const words = copy.split(' ')
    const to = words.pop() ?? ''
    for (const from of words) {
      const target = to.endsWith('/') ? join(to, from.split('/').at(-1) ?? '') : to
      cpSync(join(ROOT, from), join(context, target), { recursive: true })
    }
  }
})

function buildImage(program: string): string {
  const image = join(folder, program)
  const [run] = instructions('RUN')
  const { exitCode, stderr } = Bun.spawnSync(['sh', '-c', run.replace('/image', `"${image}"`)], {
    cwd: context,
    env: { ...process.env, PROGRAM: program },
  })
  if (exitCode !== 0) throw new Error(`${run} ended with ${exitCode}: ${stderr}`)
  return image
}

/** As an engine starts it: the image mounted read-only, /proc inside, no rights, the user of USER. */
const START = `set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
shift
exec setpriv --no-new-privs -- "$@"`

function inImage(image: string, command: string[], address: string) {
  const chroot = ['chroot', `--userspec=${instructions('USER')[0]}`, image, ...command]
  return Bun.spawn(['unshare', '--mount', '--', 'sh', '-c', START, 'sh', image, ...chroot], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env.PATH ?? '', ...listenOn(address) },
  })
}

/** Of one program each, in 127/8. */
const ADDRESSES: Readonly<Record<string, string>> = {
  aquatic: '127.0.0.84:3000',
  aquatic_udp: '127.0.0.81:3000',
  aquatic_http: '127.0.0.83:3000',
  aquatic_ws: '127.0.0.82:3000',
}

function listenOn(address: string): Record<string, string> {
  if (address !== ADDRESSES.aquatic) return { AQUATIC_NETWORK_ADDRESS: address }
  return {
    AQUATIC_UDP_NETWORK_ADDRESS: address,
    AQUATIC_HTTP_NETWORK_ADDRESS: address,
    AQUATIC_WS_NETWORK_ADDRESS: address.replace(':3000', ':3001'),
  }
}

async function checkIn(image: string, address: string): Promise<number> {
  const check = inImage(image, commandOf('HEALTHCHECK'), address)
  return await check.exited
}

function bytesIn(image: string): number {
  const { stdout } = Bun.spawnSync(['du', '-sb', image])
  return Number(stdout.toString().split('\t')[0])
}

describe.skipIf(!isRoot).each(Object.keys(ADDRESSES))(`an image of %s${needsRoot}`, (name) => {
  let image = ''
  beforeAll(() => {
    image = buildImage(name)
  })

  test('is little more than its executable', () => {
    expect(bytesIn(image)).toBeLessThan(IMAGE_BYTES_MAX)
    expect(statSync(join(image, 'data')).uid).toBe(65532)
    expect(readFileSync(join(image, 'etc/aquatic.toml'), 'utf8')).toContain(`Settings of ${name}`)
  })

  test('serves, is healthy while it does, and stops at the signal of the engine', async () => {
    // Its own address in 127/8, so that the port of the settings is free for it.
    const address = ADDRESSES[name]
    expect(await checkIn(image, address)).toBe(1)
    const tracker = inImage(image, commandOf('ENTRYPOINT'), address)
    try {
      let stderr = ''
      for await (const chunk of tracker.stderr) {
        stderr += Buffer.from(chunk).toString()
        // A warning may precede it, such as one about a low limit on open files.
        if (/listening on .*\n/.test(stderr)) break
      }
      expect(stderr).toMatch(new RegExp(`listening on (UDP: )?${address}`))
      const status = readFileSync(`/proc/${tracker.pid}/status`, 'utf8')
      expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m)
      expect(status).toMatch(/^CapEff:\t0+$/m)
      expect(await checkIn(image, address)).toBe(0)
      const [host, port] = address.split(':')
      if (name === 'aquatic' || name === 'aquatic_udp') {
        await withClient('127.0.0.1', (client) => client.announce({ host, port: Number(port) }))
      }
      tracker.kill(instructions('STOPSIGNAL')[0] as 'SIGTERM')
      expect(await tracker.exited).toBe(0)
    } finally {
      tracker.kill('SIGKILL')
    }
  })
})
