namespace Dino.Gpu.Tests.Support;

/// <summary>Paths of the reference data that travels with the tests (see <c>Golden/README.md</c>).</summary>
internal static class GoldenData
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "Golden");

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    public static string Image(string name) => PathOf("images", name);

    public static Npy Model(string name) => Npy.Read(PathOf("model", name + ".npy"));
}
