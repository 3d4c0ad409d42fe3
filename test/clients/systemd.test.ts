// The units of packaging/systemd: systemd's own judgement of them, and the trackers at work in what
// they leave to a process. What a unit takes away is taken away here by the same kernel features (mounts,
// user, capabilities), and all system calls are compared with the unit's list. systemd itself runs
// them in systemd-boot.test.ts.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { announceTarget } from '../support/http-client.ts'
import { type NotifyListener, withNotifyListener } from '../support/notify-listener.ts'
import { withClient } from '../support/udp-client.ts'
import { allowedCalls, valuesOf } from '../support/unit.ts'
import { waitFor } from '../support/wait.ts'

setDefaultTimeout(300_000)

const ROOT = join(import.meta.dir, '../..')
const END_MS = 60_000
/** Of ten, which is what a service without any of these settings gets (9.6). */
const EXPOSURE_MAX = 2
/** All ids, not only those of a user namespace. */
const isRoot = readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')
const needsRoot = isRoot ? '' : ' (skipped: this needs root outside of user namespaces)'

interface Unit {
  readonly name: string
  readonly executable: string
  readonly text: string
  /** A port below 1024, on an address that no other test uses. */
  readonly host: string
  readonly port: number
  readonly settings: string
  readonly use: (unit: Unit) => Promise<void>
}

const units: readonly Unit[] = [
  {
    ...unitOf('aquatic', process.env.AQUATIC_EXECUTABLE),
    host: '127.0.0.83',
    port: 2,
    settings: "[persistence]\npath = '/run/lab/state/kept'\n",
    use: async (unit) => {
      for (const { name, use } of units) {
        if (name !== 'aquatic') await use({ ...unit, port: portIn(unit, name) })
      }
    },
  },
  {
    ...unitOf('aquatic_udp', process.env.AQUATIC_UDP_EXECUTABLE),
    host: '127.0.0.79',
    port: 2,
    settings: "[statistics]\ninterval = 1\n[persistence]\npath = '/run/lab/state/swarms'\n",
    use: ({ host, port }) =>
      withClient('127.0.0.1', async (client) => {
        await client.announce({ host, port }, { port: 1001 })
        expect((await client.announce({ host, port }, { port: 1002 })).peers).toEqual([
          '127.0.0.1:1001',
        ])
      }),
  },
  {
    ...unitOf('aquatic_http', process.env.AQUATIC_HTTP_EXECUTABLE),
    host: '127.0.0.85',
    port: 2,
    settings: "[persistence]\npath = '/run/lab/state/swarms'\n",
    use: async ({ host, port }) => {
      const answer = await fetch(`http://${host}:${port}${announceTarget({ port: 1001 })}`)
      expect(await answer.text()).toContain('8:interval')
    },
  },
  {
    ...unitOf('aquatic_ws', process.env.AQUATIC_WS_EXECUTABLE),
    host: '127.0.0.80',
    port: 2,
    settings: '',
    use: ({ host, port }) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://${host}:${port}/`)
        socket.onerror = () => reject(new Error('no connection'))
        socket.onopen = () => {
          socket.close()
          resolve()
        }
      }),
  },
]

/** HTTP and WebTorrent are both over TCP. */
function portIn({ name, port }: Unit, protocol: string): number {
  return name === 'aquatic' && protocol === 'aquatic_http' ? port + 1 : port
}

function listenOn(unit: Unit): string {
  const isOfAll = unit.name === 'aquatic'
  const protocols = isOfAll ? ['udp', 'http', 'ws'] : ['']
  return protocols
    .map((protocol) => {
      const section = isOfAll ? `${protocol}.network` : 'network'
      const port = portIn(unit, `aquatic_${protocol}`)
      return `[${section}]\naddress = '${unit.host}:${port}'\n`
    })
    .join('')
}

function unitOf(name: string, executable = join(ROOT, 'dist', name)) {
  checkBuilt(executable)
  const text = readFileSync(join(ROOT, `packaging/systemd/${name}.service`), 'utf8')
  return { name, executable, text }
}

/** Runs systemd-analyze on the unit, which names an executable that exists. */
function analyze(unit: Unit, ...args: string[]) {
  const folder = newFolder()
  try {
    const path = join(folder, `${unit.name}.service`)
    writeFileSync(path, unit.text.replace(`/usr/local/bin/${unit.name}`, unit.executable))
    const { exitCode, stdout, stderr } = Bun.spawnSync(['systemd-analyze', ...args, path])
    return { code: exitCode, output: stdout.toString(), errors: stderr.toString() }
  } finally {
    removeFolder(folder)
  }
}

// Everything but one folder read-only, /tmp and the homes empty, one user, one right, no new ones.
const LAB = `set -e
mount -t tmpfs -o mode=755 lab /run
mkdir /run/lab
install -m 755 "$1" /run/lab/tracker
install -m 644 "$2" /run/lab/settings.toml
mkdir /run/lab/state
for place in /tmp /home /root; do mount -t tmpfs -o mode=755 private "$place"; done
mount -t tmpfs -o uid=65534,gid=65534,mode=700 state /run/lab/state
mount -o remount,bind,ro /run
mount -o remount,bind,ro /
cd /run/lab/state
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all,+net_bind_service \\
  --inh-caps=-all,+net_bind_service --ambient-caps=-all,+net_bind_service -- \\
  strace -D -f -qq -o /run/lab/state/calls /run/lab/tracker -c /run/lab/settings.toml`

/** Runs the tracker in such a lab from its start to its stop; gives the log of its system calls. */
async function callsAtWork(unit: Unit, listener: NotifyListener): Promise<string> {
  const folder = newFolder()
  const settings = join(folder, 'settings.toml')
  const limits = '[limits]\nmax_torrents = 10000\nmax_peers = 100000\n'
  writeFileSync(settings, listenOn(unit) + unit.settings + limits)
  const command = ['unshare', '--mount', '--', 'sh', '-c', LAB, 'sh', unit.executable, settings]
  const child = Bun.spawn(command, {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: {
      PATH: process.env.PATH ?? '',
      NOTIFY_SOCKET: listener.address,
      WATCHDOG_USEC: '1000000',
    },
  })
  const calls = `/proc/${child.pid}/root/run/lab/state/calls`
  try {
    await Promise.race([listener.waitFor('READY=1'), failure(child)])
    await unit.use(unit)
    await listener.waitFor('WATCHDOG=1', 2)
    // The log lies in the lab, which ends with the tracker: so it is read before, and what a stop
    // calls is seen through a descriptor that is open already.
    const log = Bun.file(calls).stream().getReader()
    child.kill('SIGTERM')
    expect(await waitFor(child.exited, END_MS)).toBe(0)
    let text = ''
    for (let part = await log.read(); !part.done; part = await log.read()) {
      text += Buffer.from(part.value).toString()
    }
    return text
  } finally {
    child.kill('SIGKILL')
    removeFolder(folder)
  }
}

async function failure(child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>): Promise<never> {
  const stderr = await new Response(child.stderr).text()
  throw new Error(`the tracker ended with ${await child.exited}: ${stderr}`)
}

describe.each(units)('the unit of $name', (unit) => {
  test('is valid', () =>
    expect(analyze(unit, 'verify', '--man=no', '--recursive-errors=no')).toEqual({
      code: 0,
      output: '',
      errors: '',
    }))

  test('exposes little', () => {
    const threshold = `--threshold=${EXPOSURE_MAX * 10}`
    const { code, output } = analyze(unit, 'security', '--offline=true', '--no-pager', threshold)
    expect({ code, verdict: output.split('\n').find((line) => line.includes('→')) }).toEqual({
      code: 0,
      verdict: expect.stringContaining('OK'),
    })
  })

  test.skipIf(!isRoot)(`leaves the tracker all that it calls${needsRoot}`, () =>
    withNotifyListener(async (listener) => {
      const log = await callsAtWork(unit, listener)
      const calls = new Set([...log.matchAll(/^\d+ +([a-z_0-9]+)\(/gm)].map((match) => match[1]))
      for (const call of ['socket', 'bind', 'sendto', 'exit_group']) expect(calls).toContain(call)
      const allowed = allowedCalls(unit.text)
      expect([...calls].filter((call) => !allowed.has(call))).toEqual([])
      const families = new Set([...log.matchAll(/ socket\((AF_\w+)/g)].map((match) => match[1]))
      expect(families).toContain('AF_INET')
      const [allowedFamilies] = valuesOf(unit.text, 'RestrictAddressFamilies')
      expect([...families].filter((name) => !allowedFamilies.split(' ').includes(name))).toEqual([])
    }, 'abstract'),
  )
})

describe.each(units.map((unit) => [unit.name, unit] as const))(
  'the unit of two instances of %s',
  (name, unit) => {
    const template: Unit = { ...unit, ...unitOf(`${name}@`, unit.executable) }
    const instance: Unit = {
      ...template,
      name: `${name}@a`,
      text: template.text.replace(`/opt/aquatic/%i/${name}`, template.executable),
    }
    const settings = name.replace('aquatic_', '')
    const set = (text: string) => new Set(text.split('\n').filter((line) => /^\w/.test(line)))

    test('is valid, and exposes as little', () => {
      // The user exists once sysusers.conf has been applied, which this machine does not want.
      const text = instance.text.replace(/^(User|Group)=aquatic$/gm, '$1=daemon')
      expect(analyze({ ...instance, text }, 'verify', '--man=no', '--recursive-errors=no')).toEqual(
        {
          code: 0,
          output: '',
          errors: '',
        },
      )
      const threshold = `--threshold=${EXPOSURE_MAX * 10}`
      expect(analyze(instance, 'security', '--offline=true', '--no-pager', threshold).code).toBe(0)
    })

    test('differs from that of one instance in user and executable only', () => {
      const [one, two] = [set(unit.text), set(template.text)]
      const description = /^Description=.*$/m.exec(unit.text)?.[0] ?? ''
      expect([...one].filter((line) => !two.has(line))).toEqual([
        description,
        `ExecStart=/usr/local/bin/${name} -c /etc/aquatic/${settings}.toml`,
        'DynamicUser=yes',
      ])
      expect([...two].filter((line) => !one.has(line))).toEqual([
        `${description} (%i)`,
        `ExecStart=/opt/aquatic/%i/${name} -c /etc/aquatic/${settings}.toml`,
        'User=aquatic',
        'Group=aquatic',
      ])
    })
  },
)

test('instances have their user from sysusers.conf', () => {
  const path = join(ROOT, 'packaging/systemd/sysusers.conf')
  const { stdout, stderr } = Bun.spawnSync(['systemd-sysusers', '--dry-run', path])
  expect(stdout.toString() + stderr.toString()).toMatch(/user (')?aquatic\b/)
})

test('the kernel knows every setting of packaging/sysctl', () => {
  const text = readFileSync(join(ROOT, 'packaging/sysctl/aquatic.conf'), 'utf8')
  const names = [...text.matchAll(/^([a-z_0-9.]+) = \d+$/gm)].map((match) => match[1])
  expect(names.length).toBe(text.split('\n').filter((line) => /^[^#]/.test(line)).length)
  for (const name of names) {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`
    expect({ name, value: Number(readFileSync(path, 'utf8')) }).toEqual({
      name,
      value: expect.any(Number),
    })
  }
})
