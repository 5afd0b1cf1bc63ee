//! What a token costs, beside the bare signature with a key that is parsed once.
//!
//! ```text
//! cargo bench --bench tokens --features jwt
//! ```
//!
//! All take turns in one loop; see `turns`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at what cannot be"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the peer's own functions read the process-wide provider"
)]

mod turns;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use tower_auth_sync::token::{Algorithm, JwtIssuer, SigningKey, TokenVerifier};

use self::turns::{Contender, Times};

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

/// Length of a token in bytes, about.
const LENGTH: usize = 800;

/// Signs a message and returns the length of the signature.
type Sign = Box<dyn Fn(&[u8]) -> usize>;

/// One key in the three hands: the bare library's, the peer's and ours.
struct Hands {
    check: ParsedPublicKey,
    sign: Sign,
    decoding: DecodingKey,
    encoding: EncodingKey,
    peer: jsonwebtoken::Algorithm,
    key: SigningKey,
}

fn ed25519() -> Hands {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let der = key.to_pkcs8().unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(&der).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    Hands {
        check: ParsedPublicKey::new(&ED25519, &public).unwrap(),
        sign: Box::new(move |message| pair.sign(message).as_ref().len()),
        decoding: DecodingKey::from_ed_der(&public),
        encoding: EncodingKey::from_ed_der(&der),
        peer: jsonwebtoken::Algorithm::EdDSA,
        key,
    }
}

fn p256() -> Hands {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let der = key.to_pkcs8().unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let random = SystemRandom::new();
    Hands {
        check: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public).unwrap(),
        sign: Box::new(move |message| pair.sign(&random, message).unwrap().as_ref().len()),
        decoding: DecodingKey::from_ec_der(&public),
        encoding: EncodingKey::from_ec_der(&der),
        peer: jsonwebtoken::Algorithm::ES256,
        key,
    }
}

fn rsa() -> Hands {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let der = key.to_pkcs8().unwrap();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let random = SystemRandom::new();
    Hands {
        check: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).unwrap(),
        sign: Box::new(move |message| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                .unwrap();
            signature.len()
        }),
        decoding: DecodingKey::from_rsa_der(&public),
        // The PKCS#1 key within the PKCS#8 one.
        encoding: EncodingKey::from_rsa_der(&der[26..]),
        peer: jsonwebtoken::Algorithm::RS256,
        key,
    }
}

/// Claims whose token has [`LENGTH`] bytes.
fn claims(issuer: &JwtIssuer) -> Value {
    let claims = |filling: usize| json!({ "sub": "user_1", "scope": "x".repeat(filling) });
    let shortest = issuer.issue(&claims(0)).unwrap().len();
    claims((LENGTH - shortest) / 4 * 3)
}

/// Checking: the bare library, ours, the peer. Then issuing, in the same order.
fn contenders(hands: Hands) -> [Contender; 6] {
    let Hands {
        check,
        sign,
        decoding,
        encoding,
        peer,
        key,
    } = hands;
    let name = key.algorithm();
    let issuer = JwtIssuer::builder(ISSUER, AUDIENCE).key(key);
    let issuer = issuer.build().unwrap();
    let verifier = TokenVerifier::builder(issuer.keys().clone())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let claims = claims(&issuer);
    let token = issuer.issue(&claims).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (message, signed) = (signed.to_owned(), signed.to_owned());
    let mut rules = Validation::new(peer);
    rules.set_audience(&[AUDIENCE]);
    rules.set_issuer(&[ISSUER]);
    let same = token.clone();
    let complete = jsonwebtoken::decode::<Value>(&token, &decoding, &rules);
    let complete = complete.unwrap().claims;
    let header = Header::new(peer);
    [
        Contender::new(format!("{name}: bare check"), move || {
            check.verify_sig(signed.as_bytes(), &signature).is_ok()
        }),
        Contender::new(format!("{name}: verify"), move || {
            verifier.verify_now(&token).is_ok()
        }),
        Contender::new(format!("{name}: jsonwebtoken::decode"), move || {
            jsonwebtoken::decode::<Value>(&same, &decoding, &rules).is_ok()
        }),
        Contender::new(format!("{name}: bare signature"), move || {
            sign(message.as_bytes()) > 0
        }),
        Contender::new(format!("{name}: issue"), move || {
            issuer.issue(&claims).is_ok()
        }),
        Contender::new(format!("{name}: jsonwebtoken::encode"), move || {
            jsonwebtoken::encode(&header, &complete, &encoding).is_ok()
        }),
    ]
}

fn main() {
    let mut contenders: Vec<_> = [ed25519, p256, rsa]
        .into_iter()
        .flat_map(|hands| contenders(hands()))
        .collect();
    let times = Times::take(&mut contenders);
    turns::print_load();
    println!("{:<32} {:>9}   to the bare", "800 bytes", "ns");
    for (index, contender) in contenders.iter().enumerate() {
        let (time, bare) = (times.median(index), index / 3 * 3);
        let ratio = times.ratio(index, bare);
        println!("{:<32} {time:>9.0} {ratio:>11.2} x", contender.name());
    }
}
