using Dino.Gpu.Build;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>The links of the README in a package.</summary>
public sealed class PackageReadmeTests
{
    private const string Readme = """
        # Name [docs](docs/cli.md#search), [two
        lines](./CONTRIBUTING.md) and [a `code` text](samples)
        ![A picture](docs/dataflow.svg)
        [elsewhere](https://example.org/a), [here](#name), `[no](link.md)`, [x[0]](a.md)

        ```sh
        echo [no](link.md) \
          50%; # [no](link.md)
        ```
        """;

    [Theory]
    [InlineData("https://github.com/o/n.git")]
    [InlineData("https://github.com/o/n")]
    [InlineData("https://github.com/o/n/")]
    [InlineData("https://user:secret@github.com/o/n.git")]
    public void Links_lead_to_the_commit_of_a_known_repository(string repository)
    {
        Assert.Equal(
            """
            # Name [docs](https://github.com/o/n/blob/abc/docs/cli.md#search), [two
            lines](https://github.com/o/n/blob/abc/CONTRIBUTING.md) and [a `code` text](https://github.com/o/n/blob/abc/samples)
            ![A picture](https://raw.githubusercontent.com/o/n/abc/docs/dataflow.svg)
            [elsewhere](https://example.org/a), [here](#name), `[no](link.md)`, [x[0]](https://github.com/o/n/blob/abc/a.md)

            ```sh
            echo [no](link.md) \
              50%; # [no](link.md)
            ```
            """,
            PackageReadme.Rewrite(Readme, repository, "abc"));
    }

    [Fact]
    public void Each_host_has_addresses_of_its_own()
    {
        Assert.Equal(
            "[a](https://gitlab.example.org/g/s/n/-/blob/abc/a.md) ![b](https://gitlab.example.org/g/s/n/-/raw/abc/b.png)",
            PackageReadme.Rewrite("[a](a.md) ![b](b.png)", "https://gitlab.example.org/g/s/n.git", "abc"));
    }

    [Theory]
    [InlineData("", "abc")]
    [InlineData("https://github.com/o/n.git", "")]
    [InlineData("file:///home/user/name", "abc")]
    [InlineData("https://git.example.org/name.git", "abc")]
    public void Without_an_address_they_are_plain_text(string repository, string commit)
    {
        Assert.Equal(
            """
            # Name docs, two
            lines and a `code` text

            [elsewhere](https://example.org/a), [here](#name), `[no](link.md)`, x[0]

            ```sh
            echo [no](link.md) \
              50%; # [no](link.md)
            ```
            """,
            PackageReadme.Rewrite(Readme, repository, commit));
    }
}
