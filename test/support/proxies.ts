// Real proxies with configuration files of docs/proxy, as their tests run them.
import { expect } from 'bun:test'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** A port that is free at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** The texts must be in the file, or something else would be tested. */
export function replaced(text: string, changes: readonly [string, string][]): string {
  return changes.reduce((before, [from, to]) => {
    expect(before).toContain(from)
    return before.replaceAll(from, to)
  }, text)
}

/** What keeps nginx's files in a folder of the test. */
export function nginxFiles(folder: string): [string, string] {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  return ['access_log off;', `access_log off;\n${paths}`]
}

export function nginxCommand(nginx: string, folder: string, config: string): readonly string[] {
  return [nginx, '-p', `${folder}/`, '-c', config, '-e', 'stderr', '-g', 'daemon off;']
}

interface Run {
  readonly command: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a proxy while it is used. */
export async function runProxy(
  { command, cwd, env = {} }: Run,
  use: () => Promise<void>,
): Promise<void> {
  const proxy = Bun.spawn([...command], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  try {
    await use()
  } finally {
    proxy.kill()
    await proxy.exited
  }
}
