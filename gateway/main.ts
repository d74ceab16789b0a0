// Entry of the process: reads the environment, starts the control plane, obeys signals. Nothing else ends the process.
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { type Environment, readEnvironment, UsageError, usage } from '../config/env.ts'
import { readConfigFiles } from '../config/load.ts'
import { ConfigError } from './contract/errors.ts'
import { checkConfig, type RunningGateway, startGateway } from './start.ts'

try {
  const environment = await withDemoSecret(readEnvironment(process.argv.slice(2)))
  if (environment.help) process.stdout.write(usage)
  else if (environment.check) process.exitCode = await checkConfig(environment)
  else obeySignals(await startGateway(environment))
} catch (error) {
  if (!(error instanceof UsageError || error instanceof ConfigError))
    process.stderr.write(`${String((error as Error).stack)}\n`)
  else process.stderr.write(`${error.message}\n`)
  process.exit(error instanceof UsageError ? 2 : 1)
}

/** The shipped config runs without any preparation, yet no secret that everybody knows is ever in use. */
async function withDemoSecret(environment: Environment): Promise<Environment> {
  const { configDir, variables } = environment
  if (variables.JWT_SECRET !== undefined && variables.JWT_SECRET !== '') return environment
  const { files } = await readConfigFiles(resolve(configDir))
  if (files.gateway.demo === undefined) return environment
  return { ...environment, variables: { ...variables, JWT_SECRET: randomBytes(32).toString('base64url') } }
}

function obeySignals(gateway: RunningGateway): void {
  let stopping = false
  const stop = (): void => {
    if (stopping) process.exit(1)
    stopping = true
    void gateway.stop().then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => void gateway.reload('SIGHUP'))
}
