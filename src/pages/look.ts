import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError, type Config } from '../config.ts'
import { sha256 } from '../lib/secrets.ts'
import { brandStyles, readLogo, type Logo } from './brand.ts'
import { readTemplates, type RenderTemplate } from './template-set.ts'

/** A file that pages load, and the name that changes with it. */
export type Asset = { path: string; body: Buffer; type: string }

/** How all pages look: read once, at the start. */
export type Look = {
  brandName: string
  render: RenderTemplate
  stylesheet: Asset
  script: Asset
  /** Shown by browsers where there is no logo. */
  favicon: Asset
  logo: (Asset & { type: Logo['type'] }) | null
}

export type LookConfig = Pick<
  Config,
  'brandName' | 'brandLogoFile' | 'brandColor' | 'pagesTemplatesDir'
>

const ASSETS = join(import.meta.dirname, 'assets')
const PICO = fileURLToPath(import.meta.resolve('@picocss/pico/css/pico.classless.min.css'))

/** @throws {ConfigError} naming every setting whose file or folder will not do */
export function readLook(config: LookConfig): Look {
  const { brandName, brandLogoFile, brandColor, pagesTemplatesDir } = config
  const logo = brandLogoFile === undefined ? null : readLogo(brandLogoFile)
  const render = readTemplates(pagesTemplatesDir)
  const problems = [
    ...(typeof logo === 'string' ? [`BRAND_LOGO_FILE ${logo}`] : []),
    ...(Array.isArray(render) ? render.map((line) => `PAGES_TEMPLATES_DIR ${line}`) : [])
  ]
  if (typeof logo === 'string' || Array.isArray(render)) throw new ConfigError(problems)
  const styles = Buffer.concat([
    readFileSync(PICO),
    readFileSync(join(ASSETS, 'pages.css')),
    Buffer.from(brandColor === undefined ? '' : brandStyles(brandColor))
  ])
  return {
    brandName,
    render,
    stylesheet: asset('/assets/pages.css', styles, 'text/css'),
    script: asset('/assets/pages.js', readFileSync(join(ASSETS, 'pages.js')), 'text/javascript'),
    favicon: asset(
      '/assets/favicon.svg',
      readFileSync(join(ASSETS, 'favicon.svg')),
      'image/svg+xml'
    ),
    logo: logo && { ...asset('/assets/logo', logo.bytes, logo.type), type: logo.type }
  }
}

/** The digest lets a browser keep it for long, and still see a change at once. */
function asset(path: string, body: Buffer, type: string): Asset {
  return { path: `${path}?v=${sha256(body).toString('hex').slice(0, 12)}`, body, type }
}
