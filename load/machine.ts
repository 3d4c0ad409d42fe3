// The machine and the commit a report was made with. Used by every program that prints a report.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { resolve } from 'node:path'

/** As the items of a Markdown list. */
export function machineList(): string[] {
  const lines = [
    `date: ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    ...commit(),
    ...describeHardware(),
  ]
  return lines.map((line) => `- ${line}`)
}

/** The part that an executable knows, too. */
export function describeHardware(): string[] {
  const cpuInfo = readFileSync('/proc/cpuinfo', 'utf8')
  const model = /^model name\s*: (.*)$/m.exec(cpuInfo)?.[1] ?? process.arch
  const cores = cpuInfo.match(/^processor\s*:/gm)?.length ?? 1
  const memory = /^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '0'
  return [
    `runtime: Bun ${Bun.version}`,
    `kernel: Linux ${release()}`,
    `CPU: ${model}, ${cores} cores, ${Math.round(Number(memory) / 2 ** 20)} GiB`,
  ]
}

/** Nothing for an executable, which has no sources beside it. */
function commit(): string[] {
  const cwd = resolve(import.meta.dirname, '..')
  const git = (...args: string[]) => spawnSync('git', args, { cwd }).stdout?.toString().trim() ?? ''
  const id = git('rev-parse', '--short=10', 'HEAD')
  if (id === '') return []
  const isClean = git('status', '--porcelain', '--', 'src', 'bin', 'load') === ''
  return [`commit: ${isClean ? id : `${id} and changes`}`]
}
