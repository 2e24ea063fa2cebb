"""Secrets that nobody issued, put together here so that no scanner takes them for real ones."""

from __future__ import annotations

KEY = "gR7UGDCp" + "CntpeEsp20!"
GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
OPENAI = "sk-" + "a1B2c3D4e5F6" * 4
AWS = "AKIA" + "Q3X7ZK5MN2PLW8RT"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" + ".c2lnbmF0dXJl-x_9"
LINE = "MIIEpAIBAAKCAQEA7bq8wz4x" + "V9dYtPk3" * 5
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{LINE}\n{LINE[::-1]}\n-----END RSA PRIVATE KEY-----"

SHAPES = {
    "SSN": "219-09-9999",
    "EMAIL": "bob@example.com",
    "PHONE": "+1-555-123-4567",
    "CC": "4111-1111-1111-1111",
    "API_KEY": OPENAI,
    "AWS_KEY": AWS,
    "GITHUB_TOKEN": GITHUB,
    "JWT": JWT,
    "SLACK_TOKEN": "xoxb-" + "75548841942-644653247754-0VceBk17AposXM",
    "GITLAB_TOKEN": "glpat-" + "OGLgk37eI7O2pjVwp6sc",
    "PRIVATE_KEY": PEM,
    "PASSWORD_HASH": "$2y$10$" + "yQ7ZzGysUqntukHN.fggTRcH4.Gu2.pe9lSFHVzZ9kALp7ItKpMXb",
}
"""One secret of each label."""

NAMED = (
    f"password={KEY}",
    f'db_password = "{KEY}"',
    f'{{"refresh_token":"{KEY}"}}',
    f"client_secret={KEY}&grant_type=client_credentials",
    f"tool --token {KEY} --verbose",
    f"mysql -u root -p{KEY} db",
    f"secret: |\n  {KEY}\nnext: 1",
    f"<password>{KEY}</password>",
    f"postgresql://app:{KEY}@db.internal:5432/app",
    f"X-Api-Key: {KEY}",
    f'{{"args": "{{\\"token\\": \\"{KEY}\\"}}"}}',
)
"""Texts that say of `KEY` that it is a secret."""

NEAR_MISSES = (
    "id=3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "commit bdaf6a4263fd61ea90b44d0bc704089e58c366e3",
    "--hash=sha256:29a142b6cb54c46a6d7dd688bc16b4b19282080cde7e83550eb5687975510944",
    "golang.org/x/net v0.1.0 h1:k/iUujU1NdXZuADct5IZq67d7j6iKBjeWLn9oHCsN5o=",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "ANTHROPIC_API_KEY=<your-key-here>",
    "token = os.environ['TOKEN']",
    "password = get_password(user1)",
    "prompt_tokens=1500 completion_tokens=230",
    "tokenizer = AutoTokenizer.from_pretrained('bert')",
    "password must be at least 8 characters",
    "Bearer token required",
    '"password": null',
    "secretName: my-tls-secret",
    "4111 1111 1111 1112",
    "10.0.0.1:8080 -> 192.168.1.20:443",
    "2026-11-21T01:18:00.123456Z",
    "git clone git@github.com:o/r.git",
    "sprite@2x.png",
    "re.compile(r'ghp_[A-Za-z0-9]{36}')",
    "def test_password_reset_token_expiry():",
    "if token == expected: return",
)
