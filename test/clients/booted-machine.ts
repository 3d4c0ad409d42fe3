// systemd, booted on a root of its own in namespaces by systemd-boot.sh: a machine for the units and packages to be tried on.
// Used by systemd-boot.test.ts and packages.test.ts, each in a folder of its own.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { waitUntil } from '../support/wait.ts'

const BOOT_MS = 180_000
const isRoot = readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')
const [, hierarchy = ''] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8')) ?? []
export const canBoot = isRoot && hierarchy !== ''
/** For the name of a test. */
export const whyNoBoot = canBoot
  ? ''
  : ' (skipped: this needs root, and control groups of version 2)'

const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/group': 'root:x:0:\n',
  'etc/os-release': 'ID=test\n',
  // Without it systemd takes this for a first boot, and enables every unit of this machine.
  'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
}

export interface BootOptions {
  /** By their path in the machine. */
  readonly files: Readonly<Record<string, string>>
  /** Of this machine: they appear in /usr/local/bin, under the names after the colon. */
  readonly executables?: readonly string[]
  /** /usr can be written to; what is written lies in the folder. */
  readonly writableUsr?: boolean
}

export class BootedMachine {
  readonly folder: string
  private readonly cgroup: string
  private process: Bun.Subprocess | undefined
  private pid = 0

  /** `folder`: empty. It stays; what runs in it ends with `stop`. */
  constructor(folder: string) {
    this.folder = folder
    this.cgroup = join(hierarchy, `aquatic-test-${process.pid}`)
  }

  async boot({ files, executables = [], writableUsr = false }: BootOptions): Promise<void> {
    for (const name of ['usr', 'var', 'etc/systemd/system']) {
      mkdirSync(join(this.folder, name), { recursive: true })
    }
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      symlinkSync(`usr/${name}`, join(this.folder, name))
    }
    for (const [path, text] of Object.entries({ ...FILES, ...files })) this.write(path, text)
    const upper = writableUsr ? join(this.folder, 'written/usr') : ''
    if (writableUsr) mkdirSync(upper, { recursive: true })
    const command = [join(import.meta.dir, 'systemd-boot.sh'), this.folder, this.cgroup, upper]
    const started = Bun.spawn([...command, ...executables], { stdin: 'ignore' })
    this.process = started
    await waitUntil(
      'systemd has booted',
      () => {
        if (started.exitCode !== null) throw new Error(`the boot ended with ${started.exitCode}`)
        this.pid = systemdBelow(started.pid)
        return this.pid !== 0 && this.run('systemctl is-system-running --wait') === 'running'
      },
      BOOT_MS,
    )
  }

  write(path: string, text: string): void {
    const full = join(this.folder, path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
  }

  /** To start another program of this machine in the network of that one. */
  inNetwork(command: readonly string[]): string[] {
    return ['nsenter', `--target=${this.pid}`, '--net', ...command]
  }

  /** Runs shell commands beside systemd; gives all that they print, and the exit code if it is not 0. */
  run(script: string): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync([
      ...['nsenter', `--target=${this.pid}`, '--mount', '--pid', '--net', '--ipc', '--uts'],
      ...['--cgroup', '--root', '--wdns=/', 'env', '-i'],
      ...['PATH=/usr/local/bin:/usr/bin:/usr/sbin', 'sh', '-c', script],
    ])
    return `${stdout}${stderr}${exitCode === 0 ? '' : `exit code ${exitCode}`}`.trim()
  }

  property(unit: string, name: string): string {
    return this.run(`systemctl show --property=${name} --value ${unit}`)
  }

  isLogged(unit: string, text: string): Promise<void> {
    return waitUntil(`${unit} logs ${text}`, () =>
      this.run(`journalctl --no-pager --output=cat --unit=${unit}`).includes(text),
    )
  }

  /** With systemd go all processes of its namespaces. */
  async stop(): Promise<void> {
    if (this.process === undefined) return
    this.process.kill('SIGKILL')
    await this.process.exited
    await waitUntil('its control groups are empty', () => isGone(this.cgroup))
  }
}

/** The first process called systemd below `parent`; 0 when there is none yet. */
function systemdBelow(parent: number): number {
  const children = textOf(`/proc/${parent}/task/${parent}/children`).match(/\d+/g) ?? []
  for (const child of children.map(Number)) {
    const found = textOf(`/proc/${child}/comm`) === 'systemd\n' ? child : systemdBelow(child)
    if (found !== 0) return found
  }
  return 0
}

/** Of a process that may have ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function isGone(group: string): boolean {
  try {
    const entries = readdirSync(group, { withFileTypes: true })
    for (const entry of entries.filter((one) => one.isDirectory())) isGone(join(group, entry.name))
    rmdirSync(group)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT'
  }
}
