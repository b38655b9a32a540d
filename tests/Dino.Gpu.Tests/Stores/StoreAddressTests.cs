using Dino.Gpu.Stores;
using Dino.Gpu.Tests.Cli;

namespace Dino.Gpu.Tests.Stores;

/// <summary>Addresses of stores: what they say, and that no message has their password.</summary>
public sealed class StoreAddressTests
{
    [Theory]
    [InlineData("postgres://me:pw@db.example:5433/gallery?table=a.photos", "db.example", 5433, "me", "gallery", "a.photos", "pw")]
    [InlineData("postgresql://localhost/gallery", "localhost", 5432, null, "gallery", "dino_pictures", null)]
    [InlineData("postgres://m%40e:p%2Fw%25@[::1]", "::1", 5432, "m@e", null, "dino_pictures", "p/w%")]
    [InlineData("postgres://me:p%3Fw%23%2F%40@h/g?table=a%40b", "h", 5432, "me", "g", "a@b", "p?w#/@")]
    [InlineData("postgres:///gallery?host=/run/pg&sslmode=disable", "/run/pg", 5432, null, "gallery", "dino_pictures", null)]
    [InlineData("qdrant://host/photos", "host", 6334, null, null, "photos", null)]
    [InlineData("qdrant://:key@host:7000/photos?tls=true", "host", 7000, null, null, "photos", "key")]
    public void An_address_has_parts(string text, string host, int port, string? user, string? database, string table, string? password)
    {
        var address = StoreAddress.Parse(text);
        Assert.Equal(
            (host, port, user, database, table, password),
            (address.Host.Trim('[', ']'), address.Port, address.User, address.Database, address.Table, address.Password));
        Assert.Equal(text.StartsWith("postgres", StringComparison.Ordinal), address.IsPostgres);
        if (password is not null)
            Assert.DoesNotContain($":{password}@", address.ToString());
        Assert.DoesNotContain("%25", address.ToString());
    }

    [Theory]
    [InlineData("postgres://me:hidden@/gallery")]
    [InlineData("postgres://me:hid/den@host/gallery")]
    [InlineData("postgres://me:hid?den@host/gallery")]
    [InlineData("postgres://me:hid#den@host/gallery")]
    [InlineData("postgres://me:12?hid=34@host/gallery")]
    [InlineData("postgres://me:12#hid@host/gallery")]
    [InlineData("postgres://me:12/hid@host/gallery")]
    [InlineData("postgres://me:12?table=hid@host/gallery")]
    [InlineData("postgres://me:a@hid?den@host/gallery")]
    [InlineData("qdrant://:12#hid@host/photos")]
    [InlineData("postgres://me:hidden@host:port/gallery")]
    [InlineData("postgres://me:hidden@host/gallery?password=hidden")]
    [InlineData("postgres://me:hidden@host/gallery?table=")]
    [InlineData("qdrant://:hidden@host/")]
    [InlineData("qdrant://:hidden@host/a/b")]
    public async Task A_wrong_address_is_refused_without_its_password(string text)
    {
        CliResult index = await CliRunner.RunAsync("index", "photos", "--to", text, "--verbose");
        Assert.Equal(1, index.ExitCode);
        Assert.Contains(StoreAddress.NotOne, index.Error);
        Assert.DoesNotContain("hid", index.Error);
        Assert.DoesNotContain("hid", (await CliRunner.RunAsync("search", text, "a.jpg")).Error);
        Assert.DoesNotContain("/me:", index.Error);
    }

    /// <summary>Which signs a password cannot have as they are, and how they are written.</summary>
    [Theory]
    [InlineData("postgres://me:12#34@h/db", "postgres://...@h/db")]
    [InlineData("postgres://me:12/34@h/db", "postgres://...@h/db")]
    [InlineData("postgres://me:pa?ss@h/db", "postgres://... ")]
    [InlineData("postgres://h/db#photos", "postgres://h/db#photos")]
    public void A_password_with_a_sign_of_addresses_is_said_how_to_write(string text, string shown)
    {
        DinoException failure = Assert.Throws<DinoException>(() => StoreAddress.Parse(text));
        Assert.StartsWith(shown, failure.Message);
        Assert.Contains("/ as %2F, ? as %3F, # as %23", failure.Hint);
    }

    [Theory]
    [InlineData("index", "postgres://me:hidden@host/gallery", "-o", "a.npz")]
    [InlineData("embed", "postgres://me:hidden@host/gallery", "-o", "a.npz")]
    [InlineData("dedup", "postgres://me:hidden@host/gallery")]
    [InlineData("search", "a.npz", "qdrant://:hidden@host/photos")]
    public async Task A_store_is_no_input_and_its_password_is_not_repeated(params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.Equal(1, result.ExitCode);
        Assert.DoesNotContain("hidden", result.Error);
    }

    [Theory]
    [InlineData("--hnsw: expected the address of a database", "-o", "a.npz", "--hnsw")]
    [InlineData("--prune: expected the address of a database", "-o", "a.npz", "--prune")]
    [InlineData("--errors: expected the address of a database", "-o", "folder", "--errors", "e.jsonl")]
    [InlineData("--dtype: expected a file or a folder", "--to", "postgres://host/gallery", "--dtype", "f16")]
    [InlineData("expected a file that ends in .npz or .dinoidx, a folder, or the address of a database", "-o", "a.npy")]
    public async Task Options_of_one_kind_of_target_are_refused_with_another(string message, params string[] options)
    {
        Assert.Contains(message, (await CliRunner.RunAsync(["index", "photos", .. options])).UsageLine());
    }

    [Fact]
    public void A_picture_has_one_key_wherever_it_is_computed()
    {
        Guid id = new StoredPicture("photos/a.jpg").Id;
        Assert.Equal(8, id.Version);
        Assert.Equal(id, new StoredPicture("photos/a.jpg") { Sha256 = "00" }.Id);
        Assert.NotEqual(id, new StoredPicture("a.jpg", "photos").Id);
        // Python: hashlib.sha256(b"\0photos/a.jpg").digest()[:16], bytes 6 and 8 marked
        Assert.Equal("d905c975-83c8-8c31-b503-b7871e664675", id.ToString());
    }
}
