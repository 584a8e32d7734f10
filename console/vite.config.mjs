import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/**
 * The pages of the console. The page stands at `/`, all that it loads below `/console/`, by addresses relative to the page, so that
 * a proxy may serve both below a path of its own.
 */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  logLevel: 'warn',
  build: {
    outDir: fileURLToPath(new URL('../dist/console', import.meta.url)),
    assetsDir: '',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    emptyOutDir: true,
    modulePreload: false,
    target: 'es2022',
  },
  worker: { format: 'es' },
  experimental: {
    renderBuiltUrl(filename, { hostType }) {
      return hostType === 'html' ? `console/${filename}` : { relative: true };
    },
  },
});
