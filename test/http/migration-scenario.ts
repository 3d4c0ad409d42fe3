// Run by migration.test.ts in a network namespace. Usage: bun migration-scenario.ts CONNECTIONS
// Connects without sending, has another process take over, then asks on each connection, and prints what became of them.
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { HttpConnection, requestText } from '../support/http-client.ts'
import { HTTP_EXECUTABLE, listenOn, withTracker } from '../support/tracker.ts'

const count = Number(process.argv[2])

await inFolder(async (folder) => {
  const options = (port: number) => ({
    executable: HTTP_EXECUTABLE,
    settings:
      `log_level = 'info'\n${listenOn(`127.0.0.1:${port}`)}` +
      `[persistence]\npath = '${join(folder, 'state')}'\ntake_over = true\n`,
  })
  await withTracker(options(0), async (old) => {
    const to = old.at()
    const connections = await Promise.all(
      Array.from({ length: count }, () => HttpConnection.open(to)),
    )
    await withTracker(options(to.port), async () => {
      await old.waitForEnd()
      for (const connection of connections) connection.send(requestText('/health'))
      const served = await Promise.all(
        connections.map((connection) =>
          connection.answer().then(
            ({ status }) => status === 200,
            () => false,
          ),
        ),
      )
      const answered = served.filter(Boolean).length
      console.log(JSON.stringify({ served: answered, lost: count - answered }))
    })
  })
})
