//! Where alerts go.

use crate::declare::sections;

sections! {
    /// The queue between workers and outputs.
    OutputsQueue {
        /// Alerts that may wait in it; 0: any number. What finds it full is lost and counted.
        capacity: u64 = 0, |key| key.restart();
    }
    /// An output without options.
    Toggle {
        /// Whether alerts go there.
        enabled: bool = false, |key| key.shipped("true");
    }
    /// Alerts to a file.
    FileOutput {
        /// Whether alerts go there.
        enabled: bool = false;
        /// Keep the file open; otherwise it is opened for each batch of alerts.
        keep_alive: bool = false;
        /// The file; alerts are appended.
        filename: String = String::new(), |key| key.shipped("./events.txt");
    }
    /// Alerts to an HTTP endpoint.
    HttpOutput {
        /// Whether alerts go there.
        enabled: bool = false;
        /// Its address.
        url: String = String::new();
        /// What Peregrine calls itself there.
        user_agent: String = String::from("falcosecurity/falco");
        /// Take any certificate.
        insecure: bool = false;
        /// File with the certificate of the authority that signed the endpoint's.
        ca_cert: String = String::new();
        /// File with certificates of authorities.
        ca_bundle: String = String::new();
        /// Directory with certificates of authorities.
        ca_path: String = String::from("/etc/ssl/certs");
        /// Prove who we are with a certificate.
        mtls: bool = false;
        /// Our certificate.
        client_cert: String = String::from("/etc/ssl/certs/client.crt");
        /// Its key.
        client_key: String = String::from("/etc/ssl/certs/client.key");
        /// Print what the endpoint answers.
        echo: bool = false;
        /// Compress what is sent.
        compress_uploads: bool = false;
        /// Keep the connection open between alerts.
        keep_alive: bool = false;
        /// Attempts after time-outs before an alert is given up.
        max_consecutive_timeouts: u8 = 5;
    }
    /// Alerts to a program.
    ProgramOutput {
        /// Whether alerts go there.
        enabled: bool = false;
        /// Keep the program running; otherwise it is started for each alert.
        keep_alive: bool = false;
        /// The program, as a shell would run it; it reads alerts from standard input.
        program: String = String::new(), |key| key.required();
    }
}
