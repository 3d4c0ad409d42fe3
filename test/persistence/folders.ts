// Folders and their locks, for the tests beside it. Processes started here end with the test.
import { join } from 'node:path'
import type { PrivilegeConfig } from '../../src/process/privileges.ts'

export const KEEPS_RIGHTS: PrivilegeConfig = {
  drop_privileges: false,
  chroot_path: '',
  user: '',
  group: '',
}

const PROGRAM = join(import.meta.dir, 'lock-holder.ts')

/** Has another process hold the lock on a folder while `use` runs; `kill` ends it with SIGKILL. */
export async function whileHeld<T>(
  folder: string,
  name: string,
  use: (kill: () => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const holder = Bun.spawn([process.execPath, PROGRAM, folder, name], {
    stdin: 'ignore',
    stdout: 'pipe',
  })
  const kill = () => {
    holder.kill('SIGKILL')
    return holder.exited
  }
  try {
    for await (const chunk of holder.stdout) {
      if (new TextDecoder().decode(chunk) !== 'true\n') throw new Error('it did not get the lock')
      break
    }
    return await use(kill)
  } finally {
    await kill()
  }
}
