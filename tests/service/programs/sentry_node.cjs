// An application that Sentry's SDK for Node watches.
const Sentry = require("@sentry/node");

Sentry.init({ dsn: process.env.DSN, release: "shop@2.0", environment: "staging", serverName: "worker-3" });

function charge(order) {
  throw new TypeError(`could not charge order ${order}`, { cause: new Error("gateway is away") });
}

async function main() {
  Sentry.setTag("region", "eu");
  Sentry.addBreadcrumb({ category: "cart", message: "paid" });
  try {
    charge(1842);
  } catch (error) {
    Sentry.captureException(error);
  }
  Sentry.captureMessage("deployed", "warning");
  Sentry.withScope((scope) => {
    scope.setExtra("blob", "x".repeat(100000));
    Sentry.captureMessage("large, and so compressed");
  });
  await Sentry.flush(10000);
}

main();
