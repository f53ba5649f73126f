//! What is served over HTTP: health, versions, metrics, the page.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use peregrine_config::Settings;
use peregrine_serve::{ServeOptions, is_fit_token};

/// The servers that the configuration asks for.
///
/// # Errors
/// An address is none.
pub fn servers(settings: &Settings) -> anyhow::Result<Vec<ServeOptions>> {
    let mut out = Vec::new();
    let webserver = &settings.webserver;
    if webserver.enabled {
        let address: IpAddr =
            webserver.listen_address.trim().parse().with_context(|| {
                format!("webserver.listen_address {}", webserver.listen_address)
            })?;
        let port = u16::try_from(webserver.listen_port).context("webserver.listen_port")?;
        out.push(ServeOptions {
            metrics: webserver.prometheus_metrics_enabled,
            health_path: webserver.k8s_healthz_endpoint.clone(),
            certificate: webserver.ssl_enabled.then(|| webserver.ssl_certificate.clone().into()),
            ..ServeOptions::new(SocketAddr::new(address, port))
        });
    }
    let web = &settings.peregrine.web;
    if web.enabled {
        let address: SocketAddr =
            web.listen.parse().with_context(|| format!("peregrine.web.listen {}", web.listen))?;
        let token = Some(web.token.clone()).filter(|token| !token.is_empty());
        anyhow::ensure!(
            token.as_deref().is_none_or(is_fit_token),
            "peregrine.web.token needs at least 16 letters, digits or -_.~"
        );
        match out.iter_mut().find(|server| server.address == address) {
            Some(server) => (server.web, server.token) = (true, token),
            None => out.push(ServeOptions { web: true, token, ..ServeOptions::new(address) }),
        }
    }
    Ok(out)
}
